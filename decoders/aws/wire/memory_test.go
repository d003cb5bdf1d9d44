package wire

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

// allocated is what a function allocates in all, live or not. Other goroutines'
// is in it: these tests do not run in parallel.
func allocated(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// costs reads a body and says what of its bound that took. What is read is the
// body, or what a gzip body inflates to.
func costs(protocol string, body []byte, h http.Header) (got, bound int, err error) {
	got = allocated(func() {
		_, err = DecodeInput(operation(), protocol, decoders.Call{Method: "POST", URL: &url.URL{}, Header: h, Body: body}, Options{Secrets: true})
	})
	read := len(body)
	if h.Get("Content-Encoding") == "gzip" {
		read += MaxInflated
	}
	return got, MaxGrowth*read + Spare, err
}

// counted repeats a unit with a name of its own each time.
func counted(prefix, unit, suffix string, n int) string {
	var b strings.Builder
	b.WriteString(prefix)
	for i := range n {
		fmt.Fprintf(&b, unit, i+1)
	}
	return b.String() + suffix
}

func again(prefix, unit, suffix string, n int) string {
	return prefix + strings.Repeat(unit, n) + suffix
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

// dense are bodies that cost the most for their size, of about n parts.
func dense(n int) map[string]struct{ protocol, body string } {
	cborList := func(item string, n int) string { return "\xa1\x63New\x9f" + strings.Repeat(item, n) + "\xff" }
	return map[string]struct{ protocol, body string }{
		"JSON numbers":       {JSON, again(`{"Any":[1`, ",1", "]}", n)},
		"JSON empty lists":   {JSON, again(`{"Any":[[]`, ",[]", "]}", n)},
		"JSON empty objects": {JSON, again(`{"Any":[{}`, ",{}", "]}", n)},
		"JSON small objects": {JSON, again(`{"Any":[{}`, `,{"a":1}`, "]}", n/2)},
		"JSON names":         {JSON, counted(`{"Name":"a"`, `,"%x":1`, "}", n)},
		"JSON map":           {JSON, counted(`{"Tags":{"":"a"`, `,"%x":""`, "}}", n)},
		"JSON strings":       {JSON, again(`{"Names":["a"`, `,""`, "]}", n)},
		"JSON escapes":       {JSON, again(`{"Name":"`, `\u00e9`, `"}`, n)},
		"JSON deep":          {JSON, again(`{"Any":[1`, ","+strings.Repeat("[", 90)+strings.Repeat("]", 90), "]}", n/90)},
		"JSON deep objects":  {JSON, again(`{"Any":[1`, ","+strings.Repeat(`{"":`, 90)+"1"+strings.Repeat("}", 90), "]}", n/90)},
		"JSON unknown":       {JSON, again(`{"New":[1`, ",1", "]}", n)},
		"JSON tags":          {JSON, again(`{"New":[1`, `,{"Key":"Name","Value":"x"}`, "]}", n/3)},
		"JSON bad dates":     {JSON, again(`{"At":"`, "9", `"}`, n)},
		"REST JSON numbers":  {RestJSON, again(`{"Any":[1`, ",1", "]}", n)},
		"form list":          {Query, counted("Action=Do", "&Names.member.%x=", "", n/2)},
		"form unknown":       {Query, counted("Action=Do", "&%x=", "", n)},
		"form deep":          {Query, counted("Action=Do", "&%x.a.a.a.a.a.a.a.a=", "", n/9)},
		"form separators":    {Query, again("Action=Do", "&", "", n)},
		"form dots":          {Query, "Action=Do&" + strings.Repeat(".", MaxDepth-1) + "=1"},
		"form long name":     {Query, again("Action=Do&", "%61", "=1", n)},
		"ec2 list":           {EC2, counted("Action=Do", "&Names.%d=", "", n/2)},
		"ec2 unknown":        {EC2, counted("Action=Do", "&%x=", "", n)},
		"XML elements":       {RestXML, again("<Do><Names>", "<member/>", "</Names></Do>", n)},
		"XML unknown":        {RestXML, again("<Do>", "<a/>", "</Do>", n)},
		"XML nested":         {RestXML, again("<Do>", "<a><a/></a>", "</Do>", n/2)},
		"XML attributes":     {RestXML, again("<Do>", `<a b="" c="" d="" e=""/>`, "</Do>", n)},
		"XML namespaces":     {RestXML, again("<Do>", `<a xmlns="" xmlns:b="x" xmlns:c="x"/>`, "</Do>", n/2)},
		"XML text in pieces": {RestXML, again("<Do><Name>", "a<!-- -->", "</Name></Do>", n)},
		"XML names":          {RestXML, counted("<Do>", "<a%x/>", "</Do>", n)},
		"CBOR numbers":       {CBOR, cborList("\x01", n)},
		"CBOR empty maps":    {CBOR, cborList("\xa0", n)},
		"CBOR small maps":    {CBOR, cborList("\xa1\x61a\x01", n/2)},
		"CBOR empty lists":   {CBOR, cborList("\x80", n)},
		"CBOR nested lists":  {CBOR, cborList(strings.Repeat("\x81", 90)+"\x01", n/90)},
		"CBOR texts":         {CBOR, cborList("\x60", n)},
		"CBOR bytes":         {CBOR, cborList("\x41\x00", n)},
		"CBOR names":         {CBOR, "\xbf" + counted("", "\x66%06x\x01", "", n) + "\xff"},
		"CBOR huge counts":   {CBOR, "\xa1\x63New" + strings.Repeat("\x9a\x00\x03\x00\x00", 90)},
		"CBOR big numbers":   {CBOR, cborList("\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00", n/2)},
	}
}

// TestMemoryIsBounded: reading a body, or refusing it, never allocates more than
// ten times the body and a fixed spare, however it is made.
func TestMemoryIsBounded(t *testing.T) {
	for _, n := range []int{2_000, 50_000, 199_000} {
		for name, c := range dense(n) {
			got, bound, err := costs(c.protocol, []byte(c.body), nil)
			if testing.Verbose() {
				t.Logf("%-20s %8d bytes took %9d, %5.1f times, %3d %% of the bound", name, len(c.body), got, float64(got)/float64(len(c.body)), got*100/bound)
			}
			if got > bound {
				t.Errorf("%s: %d bytes took %d, more than %d (%v)", name, len(c.body), got, bound, err)
			}
			if n < 10_000 && err != nil && !strings.HasPrefix(name, "CBOR huge") && !strings.HasPrefix(name, "JSON bad") {
				t.Errorf("%s: a body of %d bytes was refused: %.100s", name, len(c.body), err)
			}
		}
	}
	for name, body := range map[string]string{
		"zeros": strings.Repeat("\x00", 64<<20), "spaces": "{" + strings.Repeat(" ", 3<<20) + "}", "numbers": again(`{"Any":[1`, ",1", "]}", 1<<20),
	} {
		if got, bound, err := costs(JSON, []byte(zipped(body)), header("Content-Encoding", "gzip")); got > bound {
			t.Errorf("gzip of %s: took %d, more than %d (%v)", name, got, bound, err)
		}
	}
	chunks := again("", "1\r\na\r\n", "0\r\n\r\n", 200_000)
	got := allocated(func() { _, _, _ = dechunk([]byte(chunks), maySign) })
	if got > MaxGrowth*len(chunks) {
		t.Errorf("%d bytes of chunks took %d", len(chunks), got)
	}
}

// TestDenseRealBodies: the largest bodies that services take are read.
func TestDenseRealBodies(t *testing.T) {
	for name, c := range map[string]struct{ protocol, body string }{
		"ten thousand log events":     {JSON, counted(`{"New":[{}`, `,{"timestamp":1700000000%03d,"message":"GET /index.html 200 of a log line"}`, "]}", 10_000)},
		"a thousand records":          {RestXML, again("<Do>", "<a><b>UPSERT</b><c><d>www.example.com</d><e>A</e><f>300</f><g><h><i>192.0.2.1</i></h></g></c></a>", "</Do>", 1_000)},
		"five thousand numbers a row": {JSON, again(`{"Any":[0.1`, ",0.12345678", "]}", 50_000)},
		"a thousand filters":          {Query, counted("Action=Do", "&Filter.%[1]d.Name=tag&Filter.%[1]d.Value.1=one&Filter.%[1]d.Value.2=two", "", 1_000)},
	} {
		if _, _, err := costs(c.protocol, []byte(c.body), nil); err != nil {
			t.Errorf("%s, %d bytes: %v", name, len(c.body), err)
		}
	}
}
