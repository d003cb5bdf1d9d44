#!/usr/bin/env bash
# Sets up, under .tools/, what the tests and the demo need and this machine lacks.
#   .ci/tools.sh cloud   python with moto, boto3 and the aws CLI
#   .ci/tools.sh lint    staticcheck and govulncheck
#   .ci/tools.sh runner  gotestsum, which runs the tests
#   .ci/tools.sh audit   cosign, which checks our evidence (minutes, once)
#   .ci/tools.sh exam    what the exam of decoders/aws needs beside botocore: awscrt, a newer botocore
#   .ci/tools.sh js      aws-sdk-js v3, for node (Node 20 and npm have to be there)
#   .ci/tools.sh net     nft, which loads the recipes of deploy/capture (as root, from the system's packages)
#   .ci/tools.sh pg      PostgreSQL (as root, from the system's packages)
#   .ci/tools.sh kube    k8sbox: etcd, kube-apiserver, controller manager, kubectl in one
#                        binary, of two versions; helm and Python's client (25 CPU-minutes, once)
# Everything is pinned, and done once: a second call takes no time.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .tools/bin

STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
COSIGN=github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3
HELM=helm.sh/helm/v4/cmd/helm@v4.3.2 # on the Kubernetes of cmd/k8sbox/newer, so that it is compiled once
# In a folder of its own: it wants a newer python-dateutil than botocore does.
KUBE_PYTHON=kubernetes==37.0.2
GOVULNCHECK=golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOTESTSUM=gotest.tools/gotestsum@v1.13.0
# What the pinned botocore signs SigV4A and checks CRC64NVME with; and the botocore
# that is newer than the AWS table, with its own.
CRT=awscrt==0.32.2
NEWER=botocore==1.44.8
NEWER_CRT=awscrt==0.38.0

# aws-sdk-js v3, and what leads it through a proxy: Node 20 ignores HTTPS_PROXY.
JS="@aws-sdk/client-s3@3.1175.0 @aws-sdk/client-dynamodb@3.1169.0 @smithy/node-http-handler@4.14.2 https-proxy-agent@9.1.0"

say() { printf 'tools: %s\n' "$*" >&2; }

# has_cloud PYTHON: are the pinned versions there, and the commands beside them?
has_cloud() {
  "$1" - 2>/dev/null <<'PY'
import importlib.metadata as m, re, shutil, sys
for line in open(".ci/requirements.txt"):
    line = line.split("#")[0].strip()
    if line:
        name, want = re.sub(r"\[.*\]", "", line).split("==")
        if m.version(name) != want:
            sys.exit(1)
import flask, flask_cors
sys.exit(0 if shutil.which("aws") and shutil.which("moto_server") else 1)
PY
}

cloud() {
  if [ -x .tools/venv/bin/python3 ] && PATH="$PWD/.tools/venv/bin:$PATH" has_cloud .tools/venv/bin/python3; then return; fi
  if has_cloud python3; then return; fi
  say "setting up moto and the aws CLI in .tools/venv (once, about a minute)"
  rm -rf .tools/venv
  python3 -m venv .tools/venv
  .tools/venv/bin/python3 -m pip install --quiet --disable-pip-version-check -r .ci/requirements.txt
  PATH="$PWD/.tools/venv/bin:$PATH" has_cloud .tools/venv/bin/python3 || { say "error: the pinned Python packages are not usable"; exit 1; }
}

# install STAMP MODULE@VERSION: one Go command, built once.
install() {
  if [ ! -e ".tools/bin/.$1" ]; then
    say "building $2"
    GOBIN="$PWD/.tools/bin" GOFLAGS="-mod=mod -trimpath" CGO_ENABLED=0 nice -n 10 go install "$2"
    rm -f .tools/bin/."${1%@*}"@*
    touch ".tools/bin/.$1"
  fi
}

lint() {
  install "staticcheck@${STATICCHECK##*@}" "$STATICCHECK"
  install "govulncheck@${GOVULNCHECK##*@}" "$GOVULNCHECK"
}

runner() { install "gotestsum@${GOTESTSUM##*@}" "$GOTESTSUM"; }

audit() { install "cosign@${COSIGN##*@}" "$COSIGN"; }

# place DIRECTORY PACKAGE==VERSION [FLAG]: one Python package in a folder of its own under .tools.
place() {
  if [ ! -e ".tools/$1/.$2" ]; then
    say "setting up $2"
    rm -rf ".tools/$1"
    python3 -m pip install --quiet --disable-pip-version-check --target ".tools/$1" "${@:2}"
    touch ".tools/$1/.$2"
  fi
}

exam() {
  place aws-exam/crt "$CRT" --no-deps
  place "aws-exam/botocore-${NEWER##*=}" "$NEWER" --no-deps
  place aws-exam/crt-newer "$NEWER_CRT" --no-deps
}

js() {
  if [ ! -e ".tools/js/.${JS//\//_}" ]; then
    say "setting up aws-sdk-js v3 in .tools/js"
    rm -rf .tools/js
    mkdir -p .tools/js
    # shellcheck disable=SC2086 # a list of packages
    npm install --prefix .tools/js --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error $JS
    touch ".tools/js/.${JS//\//_}"
  fi
}

kube() {
  cmd/k8sbox/build.sh
  cmd/k8sbox/build.sh newer
  install "helm@${HELM##*@}" "$HELM"
  place kube-python "$KUBE_PYTHON"
}

net() {
  if PATH="$PATH:/usr/sbin:/sbin" command -v nft >/dev/null; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "nft is not installed and cannot be: the tests of deploy/capture want it (apt-get install nftables)"
    return
  fi
  say "installing nftables"
  apt-get update -qq >&2 || true
  apt-get install -y -qq --no-install-recommends nftables >&2 || say "nftables could not be installed"
}

pg() {
  if command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "PostgreSQL is not installed and cannot be: the tests of model/store/postgres want it (apt-get install postgresql)"
    return
  fi
  say "installing PostgreSQL"
  apt-get update -qq >&2 || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2 || say "PostgreSQL could not be installed"
}

for what in "$@"; do
  case $what in
    cloud | lint | runner | audit | exam | js | kube | net | pg) "$what" ;;
    *) say "error: unknown set of tools: $what"; exit 2 ;;
  esac
done
