#!/usr/bin/env bash
# The demo: an agent with a real aws CLI, a cloud on loopback, and assent in
# between. Run it with `make demo`. It leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -d .tools/venv/bin ] && PATH="$PWD/.tools/venv/bin:$PATH"
PATH="$PWD/bin:$PATH"

work=$(mktemp -d)
cloud=
cleanup() {
  if [ -n "$cloud" ]; then kill "$cloud" 2>/dev/null || true; wait "$cloud" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[2m' off=$'\e[0m'; else bold= dim= off=; fi
scene=0
tell() { scene=$((scene + 1)); printf '\n%s%d. %s%s\n' "$bold" "$scene" "$1" "$off"; shift; for line in "$@"; do printf '   %s\n' "$line"; done; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$off"; }
fail() { printf 'demo: error: %s\n' "$*" >&2; exit 1; }

# expect ok|refused COMMAND...: shows the command, runs it, checks how it ended.
expect() {
  local want=$1 got=0
  shift
  show "$@"
  "$@" 2>&1 || got=$?
  case $want in
    ok) [ "$got" = 0 ] || fail "expected success, got exit code $got" ;;
    refused) [ "$got" != 0 ] || fail "expected a refusal, but it passed" ;;
  esac
}

# A cloud of our own: nothing here talks to the network.
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
moto_server -H 127.0.0.1 -p "$port" >"$work/cloud.log" 2>&1 &
cloud=$!
for _ in $(seq 100); do
  curl -fsS --noproxy '*' "http://127.0.0.1:$port/moto-api/" >/dev/null 2>&1 && break
  kill -0 "$cloud" 2>/dev/null || { cat "$work/cloud.log" >&2; fail "the emulated cloud did not start"; }
  sleep 0.1
done

# Credentials that the emulator accepts, of account 123456789012; no other setting leaks in.
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_CA_BUNDLE
export AWS_ACCESS_KEY_ID=AKIARZPUZDIKABSGK3LP AWS_SECRET_ACCESS_KEY=demo-secret-key AWS_DEFAULT_REGION=us-east-1
export AWS_CONFIG_FILE="$work/none" AWS_SHARED_CREDENTIALS_FILE="$work/none" AWS_EC2_METADATA_DISABLED=true AWS_PAGER=
export XDG_STATE_HOME="$work/state"
sed "s|CLOUD|http://127.0.0.1:$port|; /^intent:/d" deploy/demo/assent.yaml >"$work/assent.yaml"
demo=$PWD/deploy/demo
cp deploy/demo/estate.sh "$work/estate.sh"
cd "$work"

tell "A person builds a small estate while assent only watches." \
  "Nothing is blocked; every change is recorded, and assent learns what exists."
show assent run --observe -- sh estate.sh
assent run --observe -- sh estate.sh >ids 2>watch || { cat watch >&2; fail "the estate could not be built"; }
cat watch
. ./ids

cp -r "$demo/intent" intent
sed "s|CLOUD|http://127.0.0.1:$port|" "$demo/assent.yaml" >assent.yaml
tell "People declare what is meant to be (deploy/demo/intent/shop.yaml), and an agent takes over." \
  "From here on assent enforces: what is not declared is refused. A bucket that the intent allows is made:"
agent="assent run --enforce --as deploy-agent --"
expect ok $agent aws s3 mb s3://acme-reports-2026

tell "It opens a firewall to the whole internet. A rule forbids that:"
expect refused $agent aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0

tell "It terminates a machine. It may delete idle ones, but other things depend on this one:"
expect refused $agent aws ec2 terminate-instances --instance-ids "$machine"

tell "Reading is never in the way. The machine is still running:"
expect ok $agent aws ec2 describe-instances --instance-ids "$machine" \
  --query 'Reservations[].Instances[].[InstanceId,State.Name]' --output text

tell "Every decision is evidence, checked here without the proxy that wrote it:"
expect ok assent ledger verify

tell "Somebody changes one byte of it:"
cp -r state/assent/ledger tampered
python3 - tampered <<'PY'
import pathlib, sqlite3, sys
db = next(p for p in pathlib.Path(sys.argv[1]).iterdir() if p.suffix == ".db")
con = sqlite3.connect(db)
index, envelope = con.execute("select idx, envelope from entries where idx = (select max(idx) - 1 from entries)").fetchone()
changed = bytearray(envelope)
changed[len(changed) // 2] ^= 1
con.execute("update entries set envelope = ? where idx = ?", (bytes(changed), index))
con.commit()
print(f"flipped one bit in the middle of entry {index}")
PY
expect refused assent ledger verify --ledger tampered

printf '\n%sThat was assent: %s%s\n' "$bold" "understood, judged, recorded, and only then executed." "$off"
printf 'Try it on your own tools, observing only:  bin/assent run -- CMD…\n'
