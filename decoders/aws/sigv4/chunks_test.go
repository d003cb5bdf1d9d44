package sigv4

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

func chunked(t *testing.T) Signed {
	t.Helper()
	c, err := check(t, docChunks(), docSecret, docTime)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Again(context.Background(), fresh, docTime)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestChunksAreSignedAnewAndKeepTheirLength(t *testing.T) {
	s := chunked(t)
	for name, in := range map[string]io.Reader{"whole": strings.NewReader(docBody()), "byte by byte": iotest.OneByteReader(strings.NewReader(docBody()))} {
		out, err := io.ReadAll(s.Chunks(in))
		if err != nil || len(out) != len(docBody()) {
			t.Fatalf("%s: %d bytes of %d, %v", name, len(out), len(docBody()), err)
		}
		// what came out is a body that the new key signed
		r := docChunks()
		s.Apply(r.Header)
		again, err := check(t, r, fresh.SecretAccessKey, docTime)
		if err != nil {
			t.Fatal(err)
		}
		back, err := again.Again(context.Background(), aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: docSecret}, docTime)
		if err != nil {
			t.Fatal(err)
		}
		if whole, err := io.ReadAll(back.Chunks(bytes.NewReader(out))); err != nil || string(whole) != docBody() {
			t.Errorf("%s: there and back is another body: %v", name, err)
		}
	}
}

// A chunk that nobody signed does not leave, and the body does not look complete.
func TestAForgedChunkEndsTheBody(t *testing.T) {
	body := docBody()
	second := strings.Index(body, "\r\n400;") + 2
	last := strings.LastIndex(body, "0;chunk")
	for name, c := range map[string]struct {
		body  string
		keeps int // bytes that may have left
	}{
		"data":                   {strings.Replace(body, "aaaa", "aaab", 1), 0},
		"data of the second":     {body[:last-3] + "b" + body[last-2:], second},
		"signature":              {strings.Replace(body, "ad80", "ad81", 1), 0},
		"order":                  {body[second:last] + body[:second] + body[last:], 0},
		"left out":               {body[:second] + body[last:], second},
		"ends early":             {body[:last], last},
		"cut":                    {body[:second+200], second},
		"something follows":      {body + "x", last},
		"no signature":           {"10;\r\n0123456789abcdef\r\n0;\r\n\r\n", 0},
		"plain body":             {strings.Repeat("x", 1000), 0},
		"a chunk beyond all":     {"fffffff;chunk-signature=" + strings.Repeat("0", 64) + "\r\n", 0},
		"a line without end":     {strings.Repeat("0", 1<<20), 0},
		"bare line feed":         {strings.Replace(body, "\r\n", "\n", 1), 0},
		"longer than it says":    {strings.Replace(body, "10000;", "ffff;", 1), 0},
		"nothing":                {"", 0},
		"trailers where no were": {body[:len(body)-2] + "x-amz-checksum-crc32:AAAA\r\n\r\n", last},
	} {
		out, err := io.ReadAll(chunked(t).Chunks(strings.NewReader(c.body)))
		if err == nil || len(out) > c.keeps {
			t.Errorf("%s: %d bytes left, %v", name, len(out), err)
		}
	}
}

func TestSignedTrailersAreSignedAnew(t *testing.T) {
	r := docChunks()
	r.Header.Set(headerPayload, chunkSignedTrailer)
	r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
	sign := func(creds aws.Credentials) Signature { // as a client does
		out := &http.Request{Method: r.Method, Host: r.Host, Header: r.Header.Clone(), URL: &url.URL{Host: r.Host, Opaque: "//host" + r.Target}}
		out.Header.Del("Authorization")
		out.Header.Del("Content-Length")
		if err := v4.NewSigner().SignHTTP(context.Background(), creds, out, chunkSignedTrailer, "s3", "us-east-1", docTime); err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", out.Header.Get("Authorization"))
		s, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := newChain(sign(aws.Credentials{AccessKeyID: "AKIAX", SecretAccessKey: docSecret}), docSecret)
	body := "5;chunk-signature=" + first.next([]byte("hello")) + "\r\nhello\r\n0;chunk-signature=" + first.next(nil) + "\r\n" +
		"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:" + first.trailer("x-amz-checksum-crc32c:sOO8/Q==\n") + "\r\n\r\n"
	c, err := check(t, r, docSecret, docTime)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Again(context.Background(), fresh, docTime)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(s.Chunks(strings.NewReader(body)))
	if err != nil || len(out) != len(body) {
		t.Fatalf("%q, %v", out, err)
	}
	s.Apply(r.Header)
	again, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	second := newChain(again, fresh.SecretAccessKey)
	second.next([]byte("hello"))
	second.next(nil)
	if want := "x-amz-trailer-signature:" + second.trailer("x-amz-checksum-crc32c:sOO8/Q==\n"); !strings.Contains(string(out), want) {
		t.Errorf("%q does not hold %s", out, want)
	}
	for name, bad := range map[string]string{
		"changed": strings.Replace(body, "sOO8", "sOO9", 1), "unsigned": body[:strings.Index(body, "x-amz-trailer")] + "\r\n",
		"one after": strings.Replace(body, "\r\n\r\n", "\r\nx-amz-more:1\r\n\r\n", 1),
	} {
		if _, err := io.ReadAll(s.Chunks(strings.NewReader(bad))); err == nil {
			t.Errorf("trailers %s: nobody minds", name)
		}
	}
}

func FuzzChunks(f *testing.F) {
	f.Add([]byte(docBody()))
	f.Add([]byte("0;chunk-signature=" + strings.Repeat("0", 64) + "\r\n\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := Check(docChunks(), must(Parse(docChunks())), docSecret, docTime)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Again(context.Background(), fresh, docTime)
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(s.Chunks(bytes.NewReader(body)))
		if err == nil && !strings.EqualFold(string(body), docBody()) || len(out) > len(body) {
			t.Fatalf("%d bytes left of a body that nobody signed: %v", len(out), err)
		}
	})
}
