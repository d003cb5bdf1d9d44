package sigv4

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const docSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

var docTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// The examples of the S3 API Reference.
func documented() map[string]Request {
	const credential = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
	return map[string]Request{
		"get object": {Method: "GET", Host: "examplebucket.s3.amazonaws.com", Target: "/test.txt", Header: header(
			"Range", "bytes=0-9", headerPayload, emptyHash, headerDate, "20130524T000000Z", "Authorization", credential+
				"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")},
		"put object": {Method: "PUT", Host: "examplebucket.s3.amazonaws.com", Target: "/test$file.text", Streamed: true, Header: header(
			"Date", "Fri, 24 May 2013 00:00:00 GMT", headerDate, "20130524T000000Z", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY",
			headerPayload, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "Authorization", credential+
				"SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")},
		"get lifecycle": {Method: "GET", Host: "examplebucket.s3.amazonaws.com", Target: "/?lifecycle", Header: header(
			headerPayload, emptyHash, headerDate, "20130524T000000Z", "Authorization", credential+
				"SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")},
		"list objects": {Method: "GET", Host: "examplebucket.s3.amazonaws.com", Target: "/?max-keys=2&prefix=J", Header: header(
			headerPayload, emptyHash, headerDate, "20130524T000000Z", "Authorization", credential+
				"SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")},
		"presigned": {Method: "GET", Host: "examplebucket.s3.amazonaws.com", Header: header(), Target: "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
			"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"},
		"chunks": docChunks(),
	}
}

func docChunks() Request {
	return Request{Method: "PUT", Host: "s3.amazonaws.com", Target: "/examplebucket/chunkObject.txt", Streamed: true, Header: header(
		headerDate, "20130524T000000Z", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY", headerPayload, chunkSigned, "Content-Encoding", "aws-chunked",
		"X-Amz-Decoded-Content-Length", "66560", "Content-Length", "66824", "Authorization",
		"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,"+
			"Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")}
}

func docBody() string {
	return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + strings.Repeat("a", 65536) + "\r\n" +
		"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + strings.Repeat("a", 1024) + "\r\n" +
		"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
}

func check(t *testing.T, r Request, secret string, now time.Time) (Checked, error) {
	t.Helper()
	s, err := Parse(r)
	if err != nil {
		t.Fatalf("parsing: %v", err)
	}
	return Check(r, s, secret, now)
}

func TestTheDocumentedExamplesAreChecked(t *testing.T) {
	for name, r := range documented() {
		if _, err := check(t, r, docSecret, docTime.Add(time.Minute)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := check(t, r, docSecret+"x", docTime); !errors.Is(err, ErrWrong) {
			t.Errorf("%s with another secret: %v", name, err)
		}
	}
}

// Whatever is changed of a signed call, its signature no longer matches.
func TestAChangedCallIsNotTheSignedOne(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"method":         func(r *Request) { r.Method = "DELETE" },
		"host":           func(r *Request) { r.Host = "other.s3.amazonaws.com" },
		"path":           func(r *Request) { r.Target = "/test.txT" },
		"query":          func(r *Request) { r.Target += "?acl" },
		"signed header":  func(r *Request) { r.Header.Set("Range", "bytes=0-10") },
		"signed away":    func(r *Request) { r.Header.Del("Range") },
		"payload":        func(r *Request) { r.Header.Set(headerPayload, UnsignedPayload) },
		"body":           func(r *Request) { r.Body = []byte("x") },
		"date":           func(r *Request) { r.Header.Set(headerDate, "20130524T000001Z") },
		"second of each": func(r *Request) { r.Header.Add("Range", "bytes=1-2") },
		"region":         func(r *Request) { replace(r, "us-east-1", "us-east-2") },
		"service":        func(r *Request) { replace(r, "/s3/", "/ec2/") },
		"short":          func(r *Request) { replace(r, "6bdb41", "6bdb") },
		"no hex":         func(r *Request) { replace(r, "f0e8bdb8", "g0e8bdb8") },
	} {
		r := documented()["get object"]
		change(&r)
		if _, err := check(t, r, docSecret, docTime); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func replace(r *Request, old, new string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
}

func TestASignatureHasItsTime(t *testing.T) {
	for name, c := range map[string]struct {
		example string
		now     time.Time
		fine    bool
	}{
		"15 minutes early": {"get object", docTime.Add(-15 * time.Minute), true},
		"too early":        {"get object", docTime.Add(-16 * time.Minute), false},
		"15 minutes late":  {"get object", docTime.Add(15 * time.Minute), true},
		"too late":         {"get object", docTime.Add(16 * time.Minute), false},
		"URL in its life":  {"presigned", docTime.Add(24 * time.Hour), true},
		"URL after it":     {"presigned", docTime.Add(24*time.Hour + time.Second), false},
		"URL before it":    {"presigned", docTime.Add(-time.Hour), false},
	} {
		_, err := check(t, documented()[c.example], docSecret, c.now)
		if c.fine && err != nil || !c.fine && !errors.Is(err, ErrSkewed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := documented()["presigned"]
	r.Target = strings.Replace(r.Target, "86400", "604801", 1)
	if _, err := check(t, r, docSecret, docTime); !errors.Is(err, ErrSkewed) {
		t.Errorf("a URL for more than 7 days: %v", err)
	}
}

func TestWhatIsNoSignatureIsSaid(t *testing.T) {
	good := documented()["get object"].Header.Get("Authorization")
	for name, auth := range map[string]string{
		"two credentials": good + ",Credential=x", "no signature": "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request,SignedHeaders=host",
		"no scope": "AWS4-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=00", "junk": "AWS4-HMAC-SHA256 junk",
		"host not signed": strings.Replace(good, "host;", "", 1), "unsorted": strings.Replace(good, "host;range", "range;host", 1),
		"twice": strings.Replace(good, "host;", "host;host;", 1), "upper case": strings.Replace(good, "host;", "Host;", 1),
	} {
		r := documented()["get object"]
		r.Header.Set("Authorization", auth)
		if s, err := Parse(r); err == nil {
			t.Errorf("%s: read as %+v", name, s)
		}
	}
	r := documented()["presigned"]
	r.Header.Set("Authorization", good)
	if _, err := Parse(r); err == nil {
		t.Error("a call that is signed twice is read")
	}
	r = documented()["presigned"]
	r.Target += "&X-Amz-Signature=00"
	if _, err := Parse(r); err == nil {
		t.Error("a URL with two signatures is read")
	}
	for _, h := range []string{"", "Bearer x", "Basic eDp5", "AWS AKIA:sig"} {
		if _, err := Parse(Request{Target: "/", Header: header("Authorization", h)}); !errors.Is(err, ErrUnsigned) {
			t.Errorf("%q: %v", h, err)
		}
	}
}

func TestWhatCannotBeCheckedSaysWhy(t *testing.T) {
	asymmetric := Request{Method: "GET", Host: "x.s3.amazonaws.com", Target: "/", Header: header(headerDate, "20130524T000000Z", "X-Amz-Region-Set", "*", "Authorization",
		"AWS4-ECDSA-P256-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/s3/aws4_request, SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=3045")}
	events := documented()["get object"]
	events.Header.Set(headerPayload, "STREAMING-AWS4-HMAC-SHA256-EVENTS")
	for want, r := range map[string]Request{"SigV4A": asymmetric, "EVENTS": events} {
		s, err := Parse(r)
		if err != nil || s.Key != "AKIAIOSFODNN7EXAMPLE" || s.Service != "s3" {
			t.Fatalf("%s: %+v, %v", want, s, err)
		}
		if _, err := Check(r, s, docSecret, docTime); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

var fresh = aws.Credentials{AccessKeyID: "ASIAFRESH", SecretAccessKey: "another secret", SessionToken: "token/with+odd=signs"}

// What is signed anew is what was signed: every byte but the signature's stays.
func TestSignedAnewIsTheSameCall(t *testing.T) {
	for name, r := range documented() {
		now := docTime.Add(10 * time.Minute)
		c, err := check(t, r, docSecret, now)
		if err != nil {
			t.Fatal(err)
		}
		before := r.Header.Clone()
		s, err := c.Again(context.Background(), fresh, now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if fmt.Sprint(before) != fmt.Sprint(r.Header) {
			t.Errorf("%s: the caller's own header was changed", name)
		}
		out := r
		out.Target, out.Header = s.Target, r.Header.Clone()
		s.Apply(out.Header)
		got, err := check(t, out, fresh.SecretAccessKey, now.Add(time.Minute))
		if err != nil || got.Key != fresh.AccessKeyID {
			t.Errorf("%s: signed by %s, %v", name, got.Key, err)
		}
		if _, err := check(t, out, docSecret, now); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: still signed with the old key: %v", name, err)
		}
		for k := range out.Header {
			if k != "Authorization" && k != headerDate && k != headerToken && out.Header.Get(k) != before.Get(k) {
				t.Errorf("%s: header %s is %q, was %q", name, k, out.Header.Get(k), before.Get(k))
			}
		}
		if name == "presigned" {
			if !strings.HasPrefix(s.Target, "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAFRESH%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=") ||
				!strings.HasSuffix(s.Target, "&X-Amz-Security-Token=token%2Fwith%2Bodd%3Dsigns") || strings.Contains(s.Target, "aeeed9bb") {
				t.Errorf("the URL is %s", s.Target)
			}
		} else if s.Target != r.Target {
			t.Errorf("%s: the target became %s", name, s.Target)
		}
	}
}

// Calls that aws-sdk-go-v2 signs, with targets that naive code normalises.
func TestWhatTheSDKSignsIsCheckedAndSignedAnew(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	creds := aws.Credentials{AccessKeyID: "AKIAPLACEHOLDER", SecretAccessKey: "placeholder"}
	for _, service := range []string{"s3", "ec2", "lambda"} {
		for _, target := range []string{"/", "/a%2Fb", "/a%252Fb", "/%C3%BC/%E2%82%AC", "/sp%20ace%2Bplus", "/~x%21%2A%27%28%29", "/a%5B1%5D%7Bx%7D",
			"/?x=1&a=2&a=1", "/?b=%20&a=%2B", "/?empty&y=", "/2015-03-31/functions/arn%3Aaws%3Alambda/policy", "/trailing/", "/?list-type=2&prefix=a%2Fb"} {
			r, err := http.NewRequest("POST", "https://host.example"+target, nil)
			if err != nil {
				t.Fatal(err)
			}
			body := []byte("Action=DescribeInstances")
			r.Header.Set("Accept-Encoding", "identity")
			r.ContentLength = int64(len(body))
			payload := hashHex(body)
			if service == "s3" {
				r.Header.Set(headerPayload, payload)
			}
			signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
			if err := signer.SignHTTP(context.Background(), creds, r, payload, service, "eu-west-1", now); err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Length", fmt.Sprint(len(body)))
			in := Request{Method: "POST", Host: "host.example", Target: target, Header: r.Header, Body: body}
			c, err := check(t, in, "placeholder", now)
			if err != nil {
				t.Errorf("%s %s: %v", service, target, err)
				continue
			}
			s, err := c.Again(context.Background(), fresh, now)
			if err != nil {
				t.Errorf("%s %s: signing anew: %v", service, target, err)
				continue
			}
			s.Apply(in.Header)
			if _, err := check(t, in, fresh.SecretAccessKey, now); err != nil {
				t.Errorf("%s %s: signed anew: %v", service, target, err)
			}
		}
	}
}

// No error and no printed value holds a secret or a signature.
func TestErrorsHoldNoSecret(t *testing.T) {
	for name, r := range documented() {
		r.Method = "TRACE"
		if _, err := check(t, r, docSecret, docTime); err == nil || strings.Contains(err.Error(), "Signature=") || strings.Contains(err.Error(), docSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a request says, reading and checking end, and what is signed anew with a
// key is accepted with that key and leaves the target alone.
func FuzzSignAnew(f *testing.F) {
	for _, target := range []string{"/", "//bucket//key", "/../x/./y", "/%2F%2f", "/%20+", "/~%7E", "/a;b,c:d@e$f", "/%00", "/?", "/?a=1;b=2", "/?%zz=1&%=2",
		"/?b=2&a=1&a=0", "/[]{}|^`\"", "/?x=[]{}|^`\"&y=#", "/\xff\xfe?\xff=\xfe", "/?+=+&a+b=c+d", "/?%C3%A9=1&z=2", "/?=&&=x"} {
		f.Add("GET", target, "s3", []byte("body"))
		f.Add("POST", target, "ec2", []byte(nil))
	}
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, method, target, service string, body []byte) {
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(service, "/,= ") || service == "" || strings.Contains(target, "X-Amz-") {
			return
		}
		s := Signature{Algorithm: hmacAlgorithm, Key: "AKIAPLACEHOLDER", Day: "20261129", Region: "eu-west-1", Service: service, At: now, Signed: []string{"host", "x-amz-date"}}
		r := Request{Method: method, Host: "h.example", Target: target, Header: header(headerDate, now.Format(timeFormat)), Body: body}
		reading := readings(r, service, false)
		c := reading[rand.Intn(len(reading))]
		text := strings.Join([]string{method, c.path, c.query, canonicalHeaders(r, s.Signed), "host;x-amz-date", hashHex(body)}, "\n")
		sum := mac(derive("placeholder", s.Day, s.Region, service), hmacAlgorithm+"\n"+now.Format(timeFormat)+"\n"+s.Scope()+"\n"+hashHex([]byte(text)))
		r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=host;x-amz-date, Signature=%s", hmacAlgorithm, s.Key, s.Scope(), hex.EncodeToString(sum)))
		parsed, err := Parse(r)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		checked, err := Check(r, parsed, "placeholder", now)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		again, err := checked.Again(context.Background(), fresh, now)
		if errors.Is(err, ErrDiffers) {
			return // said, and not sent
		}
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		again.Apply(r.Header)
		parsed, err = Parse(r)
		if err == nil {
			_, err = Check(r, parsed, fresh.SecretAccessKey, now)
		}
		if err != nil || again.Target != target {
			t.Fatalf("%q became %q: %v", target, again.Target, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, r := range documented() {
		f.Add(r.Target, r.Header.Get("Authorization"), r.Header.Get(headerDate), r.Header.Get(headerPayload))
	}
	f.Fuzz(func(t *testing.T, target, auth, date, payload string) {
		r := Request{Method: "GET", Host: "h", Target: target, Header: header("Authorization", auth, headerDate, date, headerPayload, payload)}
		s, err := Parse(r)
		if err != nil {
			return
		}
		if len(s.Signed) == 0 || s.At.IsZero() {
			t.Fatalf("half a signature is read: %+v", s)
		}
		_, _ = Check(r, s, "secret", s.At)
	})
}

func must(s Signature, err error) Signature {
	if err != nil {
		panic(err)
	}
	return s
}

func BenchmarkSignAnew(b *testing.B) {
	r := documented()["get object"]
	s, _ := Parse(r)
	b.ReportAllocs()
	for b.Loop() {
		c, err := Check(r, s, docSecret, docTime)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Again(context.Background(), fresh, docTime); err != nil {
			b.Fatal(err)
		}
	}
}
