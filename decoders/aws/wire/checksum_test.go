package wire

import (
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

// The check values of the catalogue of CRC algorithms (reveng) and of FIPS 180-4,
// for the nine digits; base64 of the big-endian sum, as S3 writes it.
func TestTrailerChecksums(t *testing.T) {
	payload := []byte("123456789")
	for name, value := range map[string]string{
		"X-Amz-Checksum-Crc32":     "y/Q5Jg==",     // cbf43926
		"X-Amz-Checksum-Crc32c":    "4waSgw==",     // e3069283
		"X-Amz-Checksum-Crc64nvme": "rosUhgp5mIg=", // ae8b14860a799888
		"X-Amz-Checksum-Sha1":      "98O8HYCOBHMq32eZZczDTKeuNEE=",
		"X-Amz-Checksum-Sha256":    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		if err := checkTrailer(name, value, payload); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := checkTrailer(name, value, payload[1:]); err == nil {
			t.Errorf("%s is also that of another payload", name)
		}
	}
}

// A call that contradicts itself about its payload is not read.
func TestChunksThatContradictThemselves(t *testing.T) {
	const hmac, unsigned = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	sig := "chunk-signature=" + strings.Repeat("0a", 32)
	signed := "5;" + sig + "\r\nhello\r\n0;" + sig + "\r\n\r\n"
	good := "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
	for _, c := range []struct {
		name, hash, length, trailer, body string
		ok                                bool
	}{
		{"unsigned with a checksum", unsigned, "5", "x-amz-checksum-crc32", good, true},
		{"signed", hmac, "5", "", signed, true},
		{"signed, with a signed trailer", hmac + "-TRAILER", "5", "x-amz-checksum-crc32",
			"5;" + sig + "\r\nhello\r\n0;" + sig + "\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-trailer-signature:" + strings.Repeat("0a", 32) + "\r\n\r\n", true},
		{"another checksum", unsigned, "5", "x-amz-checksum-crc32", strings.Replace(good, "NhCm", "NhCn", 1), false},
		{"another length", unsigned, "6", "x-amz-checksum-crc32", good, false},
		{"a checksum that is not announced", unsigned, "5", "", good, false},
		{"a checksum that is announced and not there", unsigned, "5", "x-amz-checksum-crc32", "5\r\nhello\r\n0\r\n\r\n", false},
		{"signed where nothing is", unsigned, "5", "", signed, false},
		{"unsigned where all is", hmac, "5", "", "5\r\nhello\r\n0\r\n\r\n", false},
		{"the last chunk unsigned", hmac, "5", "", "5;" + sig + "\r\nhello\r\n0\r\n\r\n", false},
		{"another extension", hmac, "5", "", strings.ReplaceAll(signed, "chunk-signature", "chunk-signatur"), false},
		{"two extensions", hmac, "5", "", strings.Replace(signed, "\r\n", ";x=y\r\n", 1), false},
		{"half a signature", hmac, "5", "", strings.Replace(signed, "0a\r\n", "\r\n", 1), false},
		{"space before the size", unsigned, "5", "", " 5\r\nhello\r\n0\r\n\r\n", false},
		{"a size with a sign", unsigned, "5", "", "+5\r\nhello\r\n0\r\n\r\n", false},
		{"a size of many digits", unsigned, "5", "", "00000005\r\nhello\r\n0\r\n\r\n", false},
		{"lines that end in LF alone", unsigned, "5", "", "5\nhello\n0\n\n", false},
	} {
		h := header("Content-Encoding", "aws-chunked", "X-Amz-Content-Sha256", c.hash, "X-Amz-Decoded-Content-Length", c.length)
		if c.trailer != "" {
			h.Set("X-Amz-Trailer", c.trailer)
		}
		in, err := DecodeInput(upload(), RestXML, decoders.Call{Method: "PUT", URL: &url.URL{Path: "/a"}, Header: h, Body: []byte(c.body)}, Options{Labels: map[string]string{"Key": "a"}})
		if (err == nil) != c.ok || c.ok && in.Params["Body"] != "aGVsbG8=" {
			t.Errorf("%s: %v, %v", c.name, in.Params, err)
		}
	}
}
