# Everything that a program may try that does not want to go through a proxy. Each
# makes a bucket of its own name, or says what became of it.
bare="env -i PATH=$PATH"
auth="Authorization: $AUTH"
echo "== curl"; $bare curl -sS -k -m 20 -X PUT -H "$auth" https://acme-curl.s3.us-east-1.amazonaws.com/
echo "== http"; $bare curl -sS -m 20 -X PUT -H "$auth" http://acme-http.s3.us-east-1.amazonaws.com/
echo "== address"; $bare curl -sS -k -m 20 -X PUT -H "$auth" --resolve acme-address.s3.us-east-1.amazonaws.com:443:203.0.113.5 https://acme-address.s3.us-east-1.amazonaws.com/
echo "== address6"; $bare curl -sS -k -m 20 -X PUT -H "$auth" --resolve 'acme-address6.s3.us-east-1.amazonaws.com:443:[2001:db8::5]' https://acme-address6.s3.us-east-1.amazonaws.com/
echo "== node"; node "$TRIES/tries.js"
echo "== java"; java "$TRIES/Tries.java" properties
echo "== java without properties"
JAVA_TOOL_OPTIONS=$(echo "$JAVA_TOOL_OPTIONS" | sed 's/-Dhttps*\.proxy[A-Za-z]*=[^ ]*//g') java "$TRIES/Tries.java" direct
echo "== python"; python3 "$TRIES/tries.py" "$OUTSIDE" "$OUTSIDE_TCP" "$OUTSIDE_UDP"
for a in 169.254.169.254 169.254.170.2 '[fd00:ec2::254]'; do
  echo "== metadata $a"; $bare curl -sS -m 5 "http://$a/latest/meta-data/"; echo "exit $?"
done
echo "== escapes"
nsenter -t 1 -n true 2>/dev/null && echo "entered the network of process 1"
nsenter -t "$PPID" -n true 2>/dev/null && echo "entered the network of assent"
unshare -Urn true 2>/dev/null && unshare -Urn curl -sS -k -m 5 "https://$OUTSIDE:$OUTSIDE_TCP/" 2>/dev/null && echo "a network in the network leads out"
cat /proc/$PPID/environ >/dev/null 2>&1 && echo "assent's environment can be read"
(cat /proc/sys/kernel/core_pattern >/proc/sys/kernel/core_pattern) 2>/dev/null && echo "the kernel's settings can be written"
grep -E '^Cap(Eff|Prm|Inh|Amb|Bnd)' /proc/self/status | while read -r name set; do
  # CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_MODULE, CAP_SYS_PTRACE, CAP_SYS_ADMIN
  test $((0x$set & 0x293000)) -eq 0 || echo "$name has rights over the network: $set"
done
umount /proc/sys 2>/dev/null && echo "what covers the kernel's settings can be taken away"
unshare -Urm umount /proc/sys 2>/dev/null && echo "what covers the kernel's settings can be taken away in another namespace"
curl -sS -m 5 --unix-socket "$XDG_RUNTIME_DIR/bus" http://x/ 2>/dev/null && echo "the user's bus can be reached"
echo "== end"
