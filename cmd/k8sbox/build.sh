#!/usr/bin/env bash
# Build k8sbox (etcd, kube-apiserver, kube-controller-manager, kubectl) once into
# a cache, and print the folder that holds it: k8sbox and a link kubectl.
#
#   cmd/k8sbox/build.sh                  10 CPU-minutes and ~3 GB of memory cold; no time warm
#   cmd/k8sbox/build.sh --where          only print the folder; exit 1 if it is not built
#   cmd/k8sbox/build.sh [--where] newer  the same of the newer Kubernetes: newer/go.mod
#
# The cache is ${ASSENT_CACHE:-.tools}/k8sbox/VERSION-HASH, where HASH is over
# what is built: the sources, this script, the Go version, the platform.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

script=$PWD/build.sh
where=
[ "${1:-}" != --where ] || { where=1; shift; }
cache=${ASSENT_CACHE:-../../.tools}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)/k8sbox
case "${1:-}" in
'') ;;
newer) cd newer ;; # links to the sources here
*) echo "k8sbox: error: there is no $1; say newer, or nothing" >&2; exit 2 ;;
esac

version=$(sed -n 's|^\tk8s.io/kubernetes v\([0-9.]*\)$|\1|p' go.mod)
[ -n "$version" ] || { echo 'k8sbox: error: no version of k8s.io/kubernetes in go.mod' >&2; exit 1; }
hash=$( { cat "$script" go.mod go.sum ./*.go; go env GOVERSION GOOS GOARCH; } | sha256sum | cut -c1-12)
out=$cache/v$version-$hash

if [ "$where" ]; then
	echo "$out"
	[ -x "$out/k8sbox" ]
	exit
fi

# What is built is renamed into place, so a folder that is there is whole.
if [ ! -x "$out/k8sbox" ]; then
	echo "k8sbox: building Kubernetes $version, which takes some minutes the first time" >&2
	mkdir -p "$cache"
	tmp=$(mktemp -d "$out.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	flags="-s -w"
	for v in k8s.io/component-base/version k8s.io/client-go/pkg/version; do # what server and clients say they are
		flags+=" -X $v.gitVersion=v$version -X $v.gitMajor=${version%%.*} -X $v.gitMinor=$(cut -d. -f2 <<<"$version") -X $v.gitTreeState=clean"
	done
	CGO_ENABLED=0 nice -n 10 go build -trimpath -buildvcs=false -o "$tmp/k8sbox" -ldflags "$flags" .
	ln -s k8sbox "$tmp/kubectl"
	chmod 755 "$tmp"
	mv -T "$tmp" "$out" 2>/dev/null || [ -x "$out/k8sbox" ] # somebody else was first
fi
echo "$out"
