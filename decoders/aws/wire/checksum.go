package wire

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"
)

// nvme is the polynomial of CRC-64/NVME, bit-reversed as hash/crc64 wants it.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// checksums are the algorithms of the trailers x-amz-checksum-*. XXHASH, which the
// newest SDKs offer too, is left to the service.
var checksums = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
	"sha512":    sha512.New,
	"md5":       md5.New,
}

// checkTrailer compares a payload with the checksum in its trailer. A call that
// disagrees with itself is refused: S3 would refuse it too, and what another
// server did with it is anybody's guess.
func checkTrailer(name, value string, payload []byte) error {
	algorithm, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-checksum-")
	if !ok {
		return nil
	}
	sum, ok := checksums[algorithm]
	if !ok {
		return nil
	}
	h := sum()
	h.Write(payload)
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != value {
		return fmt.Errorf("trailer %s is %.100q, but the payload's is %s", strings.ToLower(name), value, got)
	}
	return nil
}
