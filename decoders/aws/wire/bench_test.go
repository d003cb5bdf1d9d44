package wire

import (
	"net/url"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/assent-iom/assent/decoders"
)

// BenchmarkDecode reads an input of some 600 bytes in each protocol.
func BenchmarkDecode(b *testing.B) {
	packed, err := cbor.Marshal(map[string]any{"Name": strings.Repeat("n", 300), "Count": 5, "Names": []string{"a", "b", "c"},
		"Tags": map[string]string{"Team": "pay", "Env": "prod"}, "Again": map[string]any{"On": true, "Ratio": 1.5}})
	if err != nil {
		b.Fatal(err)
	}
	long := strings.Repeat("n", 300)
	asJSON := `{"Name":"` + long + `","Count":5,"Names":["a","b","c"],"Tags":{"Team":"pay","Env":"prod"},"Again":{"On":true,"Ratio":1.5}}`
	for _, c := range []struct{ protocol, body string }{
		{Query, "Action=Do&Version=2020-01-01&Name=" + long + "&Count=5&Names.member.1=a&Names.member.2=b&Names.member.3=c&Tags.entry.1.key=Team&Tags.entry.1.value=pay&Again.On=true&Again.Ratio=1.5"},
		{EC2, "Action=Do&Version=2020-01-01&Name=" + long + "&Count=5&Names.1=a&Names.2=b&Names.3=c&Again.On=true&Again.Ratio=1.5"},
		{JSON, asJSON},
		{RestJSON, asJSON},
		{RestXML, "<Do><Name>" + long + "</Name><Count>5</Count><Names><member>a</member><member>b</member></Names><Again><On>true</On></Again></Do>"},
		{CBOR, string(packed)},
	} {
		b.Run(c.protocol, func(b *testing.B) {
			op, call := operation(), decoders.Call{Method: "POST", URL: &url.URL{}, Body: []byte(c.body)}
			b.ReportAllocs()
			for b.Loop() {
				in, err := DecodeInput(op, c.protocol, call, Options{})
				if err != nil || len(in.Unknown) > 0 {
					b.Fatal(err, in.Unknown)
				}
			}
		})
	}
}

// BenchmarkRefuse writes a refusal in each form.
func BenchmarkRefuse(b *testing.B) {
	for _, protocol := range []string{Query, EC2, JSON, RestXML, CBOR} {
		b.Run(protocol, func(b *testing.B) {
			for b.Loop() {
				Refuse(protocol, "", decoders.Call{Method: "POST"}, refusal)
			}
		})
	}
}
