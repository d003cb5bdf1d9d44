package wire

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// TestFailClosedOnWhatTwoParsersReadDifferently: none of these may be decoded.
func TestFailClosedOnWhatTwoParsersReadDifferently(t *testing.T) {
	deep := strings.Repeat(`{"Again":`, MaxDepth) + "{}" + strings.Repeat("}", MaxDepth)
	wide := `{"Names":[` + strings.Repeat(`"",`, MaxNodes) + `""]}`
	cases := []struct{ name, protocol, body string }{
		{"JSON name twice", JSON, `{"Name":"a","Name":"b"}`},
		{"JSON name twice, escaped", JSON, `{"Name":"a","N\u0061me":"b"}`},
		{"JSON name twice in a document", JSON, `{"Any":{"a":1,"a":2}}`},
		{"JSON trailing data", JSON, `{"Name":"a"}{"Name":"b"}`},
		{"JSON trailing comma", JSON, `{"Name":"a",}`},
		{"JSON comment", JSON, `{"Name":"a"/**/}`},
		{"JSON NUL in a name", JSON, `{"Name\u0000":"a"}`},
		{"JSON half a surrogate in a name", JSON, `{"\ud800":"a"}`},
		{"JSON invalid UTF-8", JSON, "{\"Name\":\"\xff\"}"},
		{"JSON byte order mark", JSON, "\ufeff{}"},
		{"JSON not an object", JSON, `["Name"]`},
		{"JSON too deep", JSON, deep},
		{"JSON too many values", JSON, wide},
		{"form parameter twice", Query, "Action=Do&Name=a&Name=b"},
		{"form parameter twice, escaped", Query, "Action=Do&Name=a&N%61me=b"},
		{"form value and structure", Query, "Action=Do&Again=a&Again.Name=b"},
		{"form structure and value", Query, "Action=Do&Again.Name=b&Again=a"},
		{"form broken escape", Query, "Action=Do&Name=%zz"},
		{"form semicolon", Query, "Action=Do&Name=a;Name=b"},
		{"form NUL in a name", Query, "Action=Do&Na%00me=b"},
		{"form invalid UTF-8", Query, "Action=Do&Name=%ff"},
		{"form too deep", Query, "Action=Do&" + strings.Repeat("Again.", MaxDepth+1) + "Name=a"},
		{"XML document type", RestXML, `<!DOCTYPE Do [<!ENTITY a "b">]><Do><Name>&a;</Name></Do>`},
		{"XML unknown entity", RestXML, `<Do><Name>&a;</Name></Do>`},
		{"XML processing instruction", RestXML, `<Do><?php x ?><Name>a</Name></Do>`},
		{"XML two roots", RestXML, `<Do/><Do/>`},
		{"XML element twice", RestXML, `<Do><Name>a</Name><Name>b</Name></Do>`},
		{"XML attribute twice", RestXML, `<Do a="1" a="2"/>`},
		{"XML foreign namespace", RestXML, `<Do xmlns="urn:a"><Name xmlns="urn:b">a</Name></Do>`},
		{"XML another encoding", RestXML, `<?xml version="1.0" encoding="utf-7"?><Do/>`},
		{"XML map key twice", RestXML, `<Do><Tags><entry><key>a</key><value>1</value></entry><entry><key>a</key><value>2</value></entry></Tags></Do>`},
		{"XML unfinished", RestXML, `<Do><Name>a</Name>`},
		{"XML too deep", RestXML, "<Do>" + strings.Repeat("<Again>", MaxDepth) + strings.Repeat("</Again>", MaxDepth) + "</Do>"},
		{"CBOR key twice", CBOR, "\xa2\x61a\x01\x61a\x02"},
		{"CBOR trailing data", CBOR, "\xa0\xa0"},
		{"CBOR integer key", CBOR, "\xa1\x01\x02"},
		{"CBOR invalid UTF-8", CBOR, "\xa1\x61\xff\x01"},
		{"CBOR unknown tag", CBOR, "\xa1\x61a\xd8\x63\x01"},
		{"CBOR unfinished", CBOR, "\xa1\x61a"},
		{"CBOR too deep", CBOR, strings.Repeat("\x81", MaxDepth+1) + "\x01"},
		{"CBOR huge length", CBOR, "\xa1\x61a\x5b\xff\xff\xff\xff\xff\xff\xff\xff"},
	}
	for _, c := range cases {
		in, err := try(t, c.protocol, c.body)
		if err == nil {
			t.Errorf("%s: was read as %v", c.name, in.Params)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q is not one line", c.name, err)
		}
	}
}

// TestUnknownIsNamedAndKept: nothing is dropped silently.
func TestUnknownIsNamedAndKept(t *testing.T) {
	cborBody, err := cbor.Marshal(map[string]any{"New": 1, "Again": map[string]any{"Newer": true}})
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, protocol, body string
		unknown              []string
	}{
		{"JSON", JSON, `{"New":1,"Again":{"Newer":true},"__type":"X"}`, []string{"Again.Newer", "New"}},
		{"JSON of another case", JSON, `{"Name":"a","name":"b"}`, []string{"name"}},
		{"JSON of another type", JSON, `{"Count":"5","On":"true","Names":"a","Again":1,"Name":7}`, []string{"Again", "Count", "Name", "Names", "On"}},
		{"JSON inside a list", JSON, `{"Names":["a",1]}`, []string{"Names.1"}},
		{"form", Query, "Action=Do&Version=1&New=1&Again.Newer=2&Names.member.01=x", []string{"Again.Newer", "Names.member.01", "New"}},
		{"form of another type", Query, "Action=Do&Count=0x10&On=yes&At=2024", []string{"At", "Count", "On"}},
		{"XML", RestXML, `<Do><New>1</New><Again><Newer>1</Newer></Again></Do>`, []string{"Again.Newer", "Label", "New"}},
		{"XML attribute", RestXML, `<Do new="1"/>`, []string{"@", "Label"}},
		{"XML text between", RestXML, `<Do>text</Do>`, []string{"@", "Label"}},
		{"XML of another root", RestXML, `<Undo/>`, []string{"Label", "Undo"}},
		{"CBOR", CBOR, string(cborBody), []string{"Again.Newer", "New"}},
	}
	for _, c := range cases {
		op := operation()
		if c.protocol == RestXML {
			op.Input.Members = append(op.Input.Members, table.Member{Name: "Label", WireName: "Label", Shape: str, Location: table.InURI})
		}
		in, err := DecodeInput(op, c.protocol, decoders.Call{URL: &url.URL{}, Body: []byte(c.body)}, Options{})
		if err != nil || !slices.Equal(in.Unknown, c.unknown) || in.Fidelity != model.Partial {
			t.Errorf("%s: unknown %q, want %q, %s, %v", c.name, in.Unknown, c.unknown, in.Fidelity, err)
		}
	}
	in, err := try(t, JSON, `{"New":{"deep":[1]},"NewToken":"abc"}`)
	if err != nil || text(in.Params["New"]) != `{"deep":[1]}` || in.Params["NewToken"] != decoders.Redacted {
		t.Errorf("got %v, %v", in.Params, err)
	}
}

// TestStrayParts: parameters in places where the model has none.
func TestStrayParts(t *testing.T) {
	op := operation()
	op.Input = &table.Shape{Kind: table.Structure}
	in, err := DecodeInput(op, RestJSON, decoders.Call{
		URL: &url.URL{RawQuery: "do=&X-Amz-Signature=1&new=2"}, Header: header("X-Amz-New", "1", "X-Amz-Date", "now"), Body: []byte("hello"),
	}, Options{})
	if err != nil || !slices.Equal(in.Unknown, []string{"body", "new", "x-amz-new"}) || in.Params["body"] != "hello" || in.Params["new"] != "2" {
		t.Errorf("got %v, %v", in, err)
	}
	// A list that is newer than the table is unknown, and no contradiction.
	in, err = DecodeInput(op, RestJSON, decoders.Call{URL: &url.URL{RawQuery: "new=1&new=2"}}, Options{})
	if err != nil || !slices.Equal(in.Unknown, []string{"new"}) || text(in.Params["new"]) != `["1","2"]` || in.Fidelity != model.Partial {
		t.Errorf("got %v, %v", in, err)
	}
	for _, query := range []string{"X-Amz-Date=1&X-Amz-Date=2", "a=%zz"} {
		if _, err := DecodeInput(op, RestJSON, decoders.Call{URL: &url.URL{RawQuery: query}}, Options{}); err == nil {
			t.Errorf("%s was read", query)
		}
	}
}

// TestHostLabelAgrees: what stands in the host name and in the call are the same.
func TestHostLabelAgrees(t *testing.T) {
	op := operation()
	op.Input.Members[0].HostLabel = true
	for body, ok := range map[string]bool{`{"Name":"a"}`: true, `{}`: true, `{"Name":"b"}`: false} {
		in, err := DecodeInput(op, JSON, decoders.Call{URL: &url.URL{}, Body: []byte(body)}, Options{Labels: map[string]string{"Name": "a"}})
		if (err == nil) != ok || ok && in.Params["Name"] != "a" {
			t.Errorf("%s: %v, %v", body, in.Params, err)
		}
	}
}

// TestScalars: no digit is lost, and each value has one form.
func TestScalars(t *testing.T) {
	in, err := try(t, JSON, `{"Count":9007199254740993,"Ratio":"NaN","At":1709251198.25,"Data":"AAH/","On":false,"Any":{"n":1.10}}`)
	want := `{"Any":{"n":1.10},"At":"2024-02-29T23:59:58.25Z","Count":9007199254740993,"Data":"AAH/","On":false,"Ratio":"NaN"}`
	if err != nil || text(in.Params) != want || in.Fidelity != model.Exact {
		t.Errorf("got %s, %v, %v", text(in.Params), in.Unknown, err)
	}
	for body, want := range map[string]string{
		`{"At":1.7e9}`: "2023-11-14T22:13:20Z", `{"At":"2023-11-14T22:13:20Z"}`: "2023-11-14T22:13:20Z", `{"At":-0.5}`: "1969-12-31T23:59:59.5Z",
		`{"At":"Tue, 14 Nov 2023 22:13:20 GMT"}`: "2023-11-14T22:13:20Z", `{"At":"2023-11-15T00:13:20+02:00"}`: "2023-11-14T22:13:20Z",
	} {
		if in, err := try(t, JSON, body); err != nil || in.Params["At"] != want {
			t.Errorf("%s: got %v, %v", body, in.Params["At"], err)
		}
	}
	for body, want := range map[string]string{`{"Count":1e3}`: "1000", `{"Count":2.0}`: "2"} {
		if in, err := try(t, JSON, body); err != nil || fmt.Sprint(in.Params["Count"]) != want {
			t.Errorf("%s: got %v, %v", body, in.Params["Count"], err)
		}
	}
}

// TestContentTypeMustAgree: a body of another protocol is not read as this one's.
func TestContentTypeMustAgree(t *testing.T) {
	form := "application/x-www-form-urlencoded"
	for _, c := range []struct{ protocol, media, body string }{
		{JSON, form, "a=b"}, {RestJSON, form, "a=b"}, {RestJSON, "application/xml", "<a/>"}, {RestXML, "application/json", "{}"}, {RPCJSON, "application/cbor", "\xa0"},
		{CBOR, "application/json", "\xa0"}, {Query, "application/json", "Action=Do"}, {EC2, "application/x-amz-json-1.1", "Action=Do"}, {JSON, "application/cbor", "{}"},
	} {
		if in, err := try(t, c.protocol, c.body, "Content-Type", c.media); err == nil {
			t.Errorf("%s as %s was read: %v", c.media, c.protocol, in.Params)
		}
	}
}

// TestGzipIsBounded: metric data inflates, a bomb does not.
func TestGzipIsBounded(t *testing.T) {
	zip := func(n int, prefix string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(prefix))
		chunk := bytes.Repeat([]byte(" "), 1<<16)
		for range n >> 16 {
			_, _ = z.Write(chunk)
		}
		_ = z.Close()
		return b.String()
	}
	in, err := try(t, JSON, zip(0, `{"Name":"a"}`), "Content-Encoding", "gzip")
	if err != nil || in.Params["Name"] != "a" {
		t.Errorf("got %v, %v", in.Params, err)
	}
	for _, c := range []struct{ body, coding string }{{zip(4<<20, "{}"), "gzip"}, {"not gzip", "gzip"}, {"{}", "br"}} {
		if _, err := try(t, JSON, c.body, "Content-Encoding", c.coding); err == nil {
			t.Errorf("%s of %d bytes was read", c.coding, len(c.body))
		}
	}
}
