"""Checks a published ledger with Python's standard library and the openssl command alone.

    python3 verify.py DIR VKEY

Every entry is hashed again, the Merkle tree (RFC 6962) is built anew and compared with each
published tile and with the signed checkpoint. Format: https://c2sp.org/tlog-tiles. Exit code 1
says what does not hold.
"""
import base64, hashlib, pathlib, subprocess, sys, tempfile

WIDTH = 256  # entries a bundle, hashes a tile


def fail(what):
    sys.exit(f"FAILED: {what}")


def sha(data):
    return hashlib.sha256(data).digest()


def checkpoint(text, vkey):
    """Returns size and root of a checkpoint whose signature holds."""
    name, key_hash, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    if key[:1] != b"\x01" or sha(name.encode() + b"\n" + key)[:4].hex() != key_hash:
        fail("the verifier key contradicts itself")
    body, _, signatures = text.partition("\n\n")
    body += "\n"
    for line in signatures.splitlines():
        dash, signer, blob = line.split(" ")
        blob = base64.b64decode(blob)
        if (dash, signer, blob[:4].hex()) == ("—", name, key_hash):
            with tempfile.TemporaryDirectory() as tmp:
                files = [pathlib.Path(tmp, n) for n in ("key", "sig", "msg")]
                for path, data in zip(files, (bytes.fromhex("302a300506032b6570032100") + key[1:], blob[4:], body.encode())):
                    path.write_bytes(data)
                done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", files[0],
                                       "-rawin", "-sigfile", files[1], "-in", files[2]], capture_output=True)
            if done.returncode == 0:
                origin, size, root = body.splitlines()[:3]
                return (int(size), base64.b64decode(root)) if origin == name else fail("the checkpoint is another log's")
    fail("the checkpoint has no valid signature by this key")


def path(kind, n, width):
    parts = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        parts.insert(0, f"x{n % 1000:03d}")
    return pathlib.Path("tile", kind, *parts[:-1], parts[-1] + ("" if width == WIDTH else f".p/{width}"))


def entries(directory, size):
    for first in range(0, size, WIDTH):
        width = min(WIDTH, size - first)
        file = path("entries", first // WIDTH, width)
        data, at = (directory / file).read_bytes(), 0
        for _ in range(width):
            length = int.from_bytes(data[at:at + 2], "big")
            yield data[at + 2:at + 2 + length]
            at += 2 + length
        if at != len(data):
            fail(f"{file} has {len(data)} bytes, its entries take {at}")


def main(directory, vkey):
    size, want = checkpoint((directory / "checkpoint").read_text("utf-8"), vkey)
    level, hashes = 0, [sha(b"\x00" + e) for e in entries(directory, size)]
    edges = []  # the incomplete subtrees at the right, smallest first
    while hashes:
        for first in range(0, len(hashes), WIDTH) if level % 8 == 0 else ():
            tile = b"".join(hashes[first:first + WIDTH])
            file = path(str(level // 8), first // WIDTH, len(tile) // 32)
            if (directory / file).read_bytes() != tile:
                fail(f"{file} is not what the entries hash to")
        if len(hashes) % 2:
            edges.append(hashes.pop())
        hashes = [sha(b"\x01" + a + b) for a, b in zip(hashes[::2], hashes[1::2])]
        level += 1
    root = edges[0] if edges else sha(b"")
    for left in edges[1:]:
        root = sha(b"\x01" + left + root)
    if root != want:
        fail("the entries do not hash to the signed root")
    print(f"verified {size} of {size} entries, root {root.hex()}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(pathlib.Path(sys.argv[1]), sys.argv[2])
    except (OSError, ValueError) as error:
        fail(error)
