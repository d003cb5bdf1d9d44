package wire

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// upload is an operation like S3's PutObject.
func upload() *table.Operation {
	return &table.Operation{Name: "Put", Method: "PUT", URI: "/{Key+}", Input: &table.Shape{Kind: table.Structure, Members: []table.Member{
		{Name: "Body", WireName: "Body", Shape: blobs, Payload: true, Streaming: true},
		{Name: "Key", WireName: "Key", Shape: str, Location: table.InURI},
		{Name: "Encoding", WireName: "Content-Encoding", Shape: str, Location: table.InHeader},
		{Name: "CRC32", WireName: "x-amz-checksum-crc32", Shape: str, Location: table.InHeader},
		{Name: "Metadata", WireName: "x-amz-meta-", Shape: tags, Location: table.InHeaders},
	}}}
}

// TestChunkedUpload: boto3's default upload is read without its framing, and the
// checksum in its trailer is a parameter like a header.
func TestChunkedUpload(t *testing.T) {
	c := decoders.Call{
		Method: "PUT", URL: &url.URL{Path: "/a"},
		Header: header("Content-Encoding", "gzip,aws-chunked", "X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
			"X-Amz-Trailer", "x-amz-checksum-crc32", "X-Amz-Decoded-Content-Length", "11", "X-Amz-Meta-Team", "pay"),
		Body: []byte("5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"),
	}
	before := c.Header.Clone()
	in, err := DecodeInput(upload(), RestXML, c, Options{Labels: map[string]string{"Key": "a"}})
	want := `{"Body":"` + base64.StdEncoding.EncodeToString([]byte("hello world")) + `","CRC32":"DUoRhQ==","Encoding":"gzip","Key":"a","Metadata":{"team":"pay"}}`
	if err != nil || text(in.Params) != want || in.Fidelity != model.Exact {
		t.Errorf("got %s, %v, %v", text(in.Params), in.Unknown, err)
	}
	if len(before) != len(c.Header) || c.Header.Get("Content-Encoding") != before.Get("Content-Encoding") {
		t.Error("the call was changed")
	}
	c.Body, c.Streamed = nil, true
	in, err = DecodeInput(upload(), RestXML, c, Options{Labels: map[string]string{"Key": "a"}})
	if _, has := in.Params["Body"]; err != nil || has || in.Fidelity != model.Exact {
		t.Errorf("streamed: %v, %v", in, err)
	}
	c.Streamed = false
	for _, body := range []string{"", "5\r\nhell", "5\r\nhelloXX", "zz\r\n", "-5\r\n", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n\r\n", "b\r\nhello world\r\n0\r\n\r\nmore",
		"b\r\nhello world\r\n0\r\nx-amz-meta-a:1\r\n\r\n", "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:1\r\nx-amz-checksum-crc32:2\r\n\r\n"} {
		c.Body = []byte(body)
		if _, err := DecodeInput(upload(), RestXML, c, Options{Labels: map[string]string{"Key": "a"}}); err == nil {
			t.Errorf("%q was read", body)
		}
	}
}

func TestDechunkNeverGrows(t *testing.T) {
	payload, _, err := dechunk([]byte("3\r\nabc\r\n0\r\n\r\n"), maySign)
	if err != nil || !bytes.Equal(payload, []byte("abc")) {
		t.Errorf("got %q, %v", payload, err)
	}
}
