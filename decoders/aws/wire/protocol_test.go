package wire

import (
	"net/url"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// TestSQSInTheQueryProtocol: old clients still speak it, with the old names.
func TestSQSInTheQueryProtocol(t *testing.T) {
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	svc, _ := tbl.Service("sqs")
	for name, c := range map[string]struct{ form, want string }{
		"SetQueueAttributes": {"QueueUrl=u&Attribute.1.Name=Policy&Attribute.1.Value=%7B%7D&Attribute.2.Name=DelaySeconds&Attribute.2.Value=5",
			`{"Attributes":{"DelaySeconds":"5","Policy":"{}"},"QueueUrl":"u"}`},
		"SendMessageBatch": {"QueueUrl=u&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=m" +
			"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=String&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=v",
			`{"Entries":[{"Id":"a","MessageAttributes":{"n":{"DataType":"String","StringValue":"v"}},"MessageBody":"m"}],"QueueUrl":"u"}`},
		"TagQueue":           {"QueueUrl=u&Tag.1.Key=k&Tag.1.Value=v", `{"QueueUrl":"u","Tags":{"k":"v"}}`},
		"GetQueueAttributes": {"QueueUrl=u&AttributeName.1=All", `{"AttributeNames":["All"],"QueueUrl":"u"}`},
	} {
		op, _ := svc.Operation(name)
		c0 := decoders.Call{Method: "POST", URL: &url.URL{Path: "/"}, Header: header("Content-Type", "application/x-www-form-urlencoded"),
			Body: []byte("Action=" + name + "&Version=2012-11-05&" + c.form)}
		in, err := DecodeInput(op, Query, c0, Options{Secrets: true})
		if err != nil || text(in.Params) != c.want || in.Fidelity != model.Exact {
			t.Errorf("%s: got %s, %v, %v", name, text(in.Params), in.Unknown, err)
		}
	}
}

// TestOtherForms: rpc-v2-json, and json with the Java SDK's CBOR body.
func TestOtherForms(t *testing.T) {
	packed, err := cbor.Marshal(map[string]any{"Name": "a", "Count": -7, "Data": []byte{0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		protocol, body string
		headers        []string
	}{
		{RPCJSON, `{"Name":"a","Count":-7,"Data":"AAE="}`, []string{"Smithy-Protocol", "rpc-v2-json", "Content-Type", "application/json"}},
		{JSON, string(packed), []string{"X-Amz-Target", "A.Do", "Content-Type", "application/x-amz-cbor-1.1"}},
		{CBOR, string(packed), []string{"Smithy-Protocol", "rpc-v2-cbor", "Content-Type", "application/cbor"}},
	} {
		in, err := try(t, c.protocol, c.body, c.headers...)
		if err != nil || text(in.Params) != `{"Count":-7,"Data":"AAE=","Name":"a"}` || in.Fidelity != model.Exact {
			t.Errorf("%s: got %s, %v, %v", c.protocol, text(in.Params), in.Unknown, err)
		}
	}
}

// TestEventStreamIsPartial: only the head of an event stream is judged.
func TestEventStreamIsPartial(t *testing.T) {
	op := operation()
	op.Input = &table.Shape{Kind: table.Structure, Members: []table.Member{
		{Name: "Voice", WireName: "x-amz-voice", Shape: str, Location: table.InHeader},
		{Name: "Stream", WireName: "Stream", Payload: true, Shape: &table.Shape{Kind: table.Structure, EventStream: true}},
	}}
	in, err := DecodeInput(op, RestJSON, decoders.Call{URL: &url.URL{}, Header: header("X-Amz-Voice", "v"), Body: []byte("\x00\x00frame")}, Options{})
	if err != nil || in.Fidelity != model.Partial || text(in.Params) != `{"Voice":"v"}` || len(in.Unknown) != 1 || in.Unknown[0] != "Stream" {
		t.Errorf("got %v, %v", in, err)
	}
}

// TestAnswersAreTolerant: what an answer adds is left out, not an error.
func TestAnswersAreTolerant(t *testing.T) {
	op := operation()
	op.OutputWrap = "DoResult"
	for protocol, body := range map[string]string{
		Query:   `<DoResponse xmlns="urn:x"><DoResult><Name>a</Name><New><Deep/></New></DoResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DoResponse>`,
		EC2:     `<DoResponse xmlns="urn:x"><requestId>r</requestId><Name>a</Name></DoResponse>`,
		RestXML: `<?xml version="1.0"?><Do><Name>a</Name><Name>b</Name></Do>`,
		JSON:    `{"Name":"a","New":1}`,
		CBOR:    "\xa1\x64Name\x61a",
	} {
		out, err := DecodeOutput(op, protocol, &decoders.Response{Status: 200, Body: []byte(body)})
		if err != nil || text(out) != `{"Name":"a"}` {
			t.Errorf("%s: got %s, %v", protocol, text(out), err)
		}
	}
	if _, err := DecodeOutput(op, JSON, &decoders.Response{Body: []byte(`{"Name":`), Truncated: true}); err == nil {
		t.Error("half an answer was read")
	}
	if out, err := DecodeOutput(op, JSON, nil); err != nil || len(out) != 0 {
		t.Errorf("got %v, %v", out, err)
	}
}

// TestNameOfAnother: a raw name that is also the model's name of another parameter.
func TestNameOfAnother(t *testing.T) {
	op := operation()
	op.Input.Members[0].WireName = "name"
	if in, err := DecodeInput(op, JSON, decoders.Call{Body: []byte(`{"name":"a","Name":"b"}`)}, Options{}); err == nil {
		t.Errorf("was read as %v", in.Params)
	}
}
