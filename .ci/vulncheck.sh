#!/usr/bin/env bash
# govulncheck needs its database. Where that cannot be reached, this says so and
# goes on: it is the one check that depends on a service outside.
set -uo pipefail
out=$(govulncheck ./... 2>&1)
code=$?
case $code in
  0) echo "govulncheck: no known vulnerability is reachable" ;;
  3) echo "$out"; exit 1 ;;
  *)
    if grep -qiE 'dial tcp|no such host|forbidden|unexpected status|timeout|fetching vulnerabilities|HTTP GET' <<<"$out"; then
      echo "govulncheck: NOT RUN: its database cannot be reached from here" >&2
    else
      echo "$out"; exit "$code"
    fi
    ;;
esac
