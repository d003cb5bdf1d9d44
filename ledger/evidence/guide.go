package evidence

import (
	"fmt"
	"strings"

	"github.com/assent-iom/assent/ledger"
)

// guide is VERIFY.md. A test runs every command in it.
func guide(p Pack) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `# How to check this evidence

Nothing here needs the internet, or whoever made it. Take the log's public key from somebody else than them:

    %s

Run the commands in this folder.

## All of it

`+"```sh"+`
assent-verify --pack . --vkey log/log.vkey
`+"```"+`

makes every file again from log/ and compares it: 0 all holds, 1 tampered, 2 a change has no outcome yet, 3 another key,
4 rolled back, 5 could not finish. With --since CHECKPOINT it also wants a checkpoint that you kept to be part of the log.
`+"`assent evidence verify .`"+` does the same.

`+"```sh"+`
sha256sum -c --quiet SHA256SUMS
`+"```"+`

only says that the folder was copied whole.

## The entries and the signed head, with Python and openssl

`+"```sh"+`
python3 - <<'END'
%sEND
`+"```"+`

hashes every entry of the period, finds its hash among those of the log, builds the tree of all of them, and checks the
signature of its head: so no entry of the range is missing, added or moved. The samples are nobody's choice: it draws them
again, by the root of the log as it was when the period was over, with %d entries.
`, p.Head.VKey, strings.NewReplacer("FIRST", fmt.Sprint(p.Head.First), "END", fmt.Sprint(p.Head.End), "CLOSED", fmt.Sprint(p.Closed), "SAMPLES", fmt.Sprint(p.Params.Samples)).Replace(python), p.Closed)
	if len(p.Sampled) == 0 {
		return []byte(b.String())
	}
	r := p.Records[p.Sampled[0]]
	fmt.Fprintf(&b, `
## One sample

Each sampled change has these files; here those of entry %d.

`+"```sh"+`
openssl pkeyutl -verify -pubin -inkey %[3]s -rawin -in samples/%[1]d.pae -sigfile samples/%[1]d.sig
`+"```"+`

`+"```sh"+`
cosign verify-blob-attestation --key %[3]s --bundle samples/%[1]d.sigstore.json --type %[2]s --insecure-ignore-tlog samples/%[1]d.action.json
`+"```"+`

The flag of cosign means that it is not to ask Sigstore's own log on the internet: the log is this one.
samples/%[1]d.tlog-proof is a proof in the form of https://c2sp.org/tlog-proof that the entry is in the log;
torchwood's tools read it.
`, r.Index, ledger.KindDecision.PredicateType(), p.keyOf(r.Index))
	return []byte(b.String())
}

// python checks log/ with the standard library and openssl.
const python = `import base64, csv, hashlib, json, os, subprocess, tempfile
H = lambda *p: hashlib.sha256(b"".join(p)).digest()
def root(hashes):
    if len(hashes) == 1: return hashes[0]
    k = 1
    while k * 2 < len(hashes): k *= 2
    return H(b"\x01", root(hashes[:k]), root(hashes[k:]))
body, sigs = open("log/checkpoint", "rb").read().split(b"\n\n")
origin, size, want = body.decode().split("\n")
vkey = open("log/log.vkey").read().strip()
name, keyhash, key = vkey.split("+", 2)
assert name == origin, "the checkpoint is of another log"
for line in sigs.decode().splitlines():
    by, sig = line.removeprefix("\u2014 ").split(" ")
    raw = base64.b64decode(sig)
    if by == name and raw[:4].hex() == keyhash:
        with tempfile.TemporaryDirectory() as d:
            for file, data in ("m", body + b"\n"), ("s", raw[4:]), ("k", bytes.fromhex("302a300506032b6570032100") + base64.b64decode(key)[1:]):
                open(os.path.join(d, file), "wb").write(data)
            subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", d + "/k", "-rawin", "-in", d + "/m", "-sigfile", d + "/s"], check=True, stdout=subprocess.DEVNULL)
        break
else: raise SystemExit("the log's key has not signed the checkpoint")
path = lambda n: (lambda s: "/".join(["x" + s[i:i+3] for i in range(0, len(s) - 3, 3)] + [s[-3:]]))(str(n).zfill((len(str(n)) + 2) // 3 * 3))
leaves, n = [], int(size)
for i in range((n + 255) // 256):
    width = min(256, n - i * 256)
    tile = open("log/tile/0/" + path(i) + ("" if width == 256 else f".p/{width}"), "rb").read()
    assert len(tile) == 32 * width, "a tile is too short or too long"
    leaves += [tile[j:j+32] for j in range(0, len(tile), 32)]
assert base64.b64encode(root(leaves)).decode() == want, "the hashes do not lead to the signed head"
entries = open("log/entries.jsonl", "rb").read().splitlines()
assert len(entries) == END - FIRST, f"{len(entries)} entries are there, of END - FIRST"
for i, entry in enumerate(entries, FIRST):
    assert H(b"\x00", entry) == leaves[i], f"entry {i} is not what was signed"
print(f"{len(entries)} entries of a log of {n} hold")
seed = root(leaves[:CLOSED]).hex()
changes = [int(r["index"]) for r in csv.DictReader(open("population.csv")) if r["passed"] == "true"]
drawn = sorted(sorted(changes, key=lambda i: H(f"{seed}:{i}".encode()))[:SAMPLES])
assert drawn == json.load(open("pack.json"))["sampled"], drawn
print("the samples are drawn as it says")
`
