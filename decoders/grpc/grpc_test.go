package grpc

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

func call(contentType, path string) decoders.Call {
	return decoders.Call{
		Method: http.MethodPost, Scheme: "https", Host: "control.corp.example", URL: &url.URL{Path: path},
		Header: http.Header{"Content-Type": {contentType}}, Streamed: true,
	}
}

func TestACallIsItsServiceAndMethodAndOpaque(t *testing.T) {
	for path, want := range map[string]string{
		"/corp.v1.Switches/Delete": "corp.v1.Switches Delete grpc://control.corp.example/corp.v1.Switches",
		"/Delete":                  "control.corp.example POST grpc://control.corp.example",
		"/a/b/c":                   "control.corp.example POST grpc://control.corp.example",
		"/a%2F/b c":                "control.corp.example POST grpc://control.corp.example",
		"":                         "control.corp.example POST grpc://control.corp.example",
	} {
		a, err := Decoder{}.Decode(t.Context(), call("application/grpc+proto", path))
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Service + " " + a.Operation + " " + string(a.Targets[0].URN); got != want {
			t.Errorf("%s: %s", path, got)
		}
		if a.Verb != model.Unknown || !a.Mutates() || a.Fidelity != model.Opaque || len(a.Unknown) == 0 || a.Account != "control.corp.example" {
			t.Errorf("%s: it claims to be understood: %+v", path, a)
		}
	}
}

// A gRPC call on a platform's host is not what that platform's decoder reads; a
// blob that only has the type is.
func TestAGRPCCallOnAnotherPlatformsHostIsOurs(t *testing.T) {
	r, err := decoders.NewRegistry([]decoders.Decoder{platform{}, Decoder{}}, []decoders.Binding{{Host: "bound.example", Platform: Name}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, contentType, path, want string
		body                          decoders.Body
	}{
		{"cloud.example", "application/grpc", "/a.B/C", Name, decoders.StreamBody},
		{"cloud.example", "application/grpc; charset=x", "/a.B/C", Name, decoders.StreamBody},
		{"cloud.example", "application/grpc-web", "/a.B/C", "platform", decoders.WholeBody},
		{"cloud.example", "application/json", "/a.B/C", "platform", decoders.WholeBody},
		{"cloud.example", "application/grpc", "/blob", "platform", decoders.StreamBody},
		{"bound.example", "application/grpc", "/a.B/C", Name, decoders.StreamBody},
		{"bound.example", "application/json", "/a.B/C", Name, decoders.WholeBody},
		{"else.example", "application/grpc", "/a.B/C", "", decoders.WholeBody},
	} {
		in := call(c.contentType, c.path)
		in.Host = c.host
		d, claim, err := r.Find(in)
		got := ""
		if d != nil {
			got = d.Name()
		}
		if err != nil || got != c.want || claim.Body != c.body || claim.Mine != (c.want != "") {
			t.Errorf("%+v: %q %+v %v", c, got, claim, err)
		}
	}
}

type platform struct{ Decoder }

func (platform) Name() string { return "platform" }
func (platform) Claims(c decoders.Call) decoders.Claim {
	claim := decoders.Claim{Mine: c.Host == "cloud.example"}
	if c.URL.Path == "/blob" {
		claim.Body = decoders.StreamBody
	}
	return claim
}

func TestARefusalIsAStatus(t *testing.T) {
	refusal := decoders.Refusal{Code: decoders.DeniedCode, Message: "50 % für alle\n", DecisionID: "dec_1"}
	resp := Decoder{}.Refuse(call("application/grpc", "/a.B/C"), refusal)
	if resp.StatusCode != 200 || resp.Header.Get("Grpc-Status") != "7" || resp.Header.Get("Grpc-Message") != "AssentDenied: 50 %25 f%C3%BCr alle%0A" ||
		resp.Header.Get("Content-Type") != "application/grpc" || resp.Header.Get("X-Assent-Decision") != "dec_1" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	resp = Decoder{}.Refuse(call("text/plain", "/a.B/C"), refusal)
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 403 || !strings.Contains(string(body), "für alle") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestWhatIsNoPolicyIsNotPermissionDenied(t *testing.T) {
	for sent, want := range map[bool]string{false: "14", true: "2"} {
		if resp := (Decoder{}).Trouble(call("application/grpc", "/a.B/C"), "m", sent); resp.Header.Get("Grpc-Status") != want {
			t.Errorf("sent %v: %v", sent, resp.Header)
		}
	}
	if (Decoder{}).Trouble(call("text/plain", "/"), "m", false) != nil {
		t.Error("it speaks gRPC to who does not")
	}
}

func TestTheStatusTellsTheOutcome(t *testing.T) {
	for said, want := range map[string]string{"0": "grpc-status 0 OK", "5": "grpc-status 5 NOT_FOUND", "99": "grpc-status", "x": "grpc-status", "-1": "grpc-status"} {
		status, ok, known := Decoder{}.Ended(call("application/grpc", "/a.B/C"), http.Header{"Grpc-Status": {said}})
		if status != want || ok != (said == "0") || !known {
			t.Errorf("%q: %q %v %v", said, status, ok, known)
		}
	}
	for name, h := range map[string]http.Header{"none": {}, "two": {"Grpc-Status": {"0", "7"}}} {
		if _, ok, known := (Decoder{}).Ended(call("application/grpc", "/a.B/C"), h); ok || known {
			t.Errorf("%s: known", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("application/grpc", "/a.B/C")
	f.Add("application/grpc+json", "//")
	f.Fuzz(func(t *testing.T, contentType, path string) {
		a, err := Decoder{}.Decode(t.Context(), call(contentType, path))
		if err != nil || !a.Mutates() || a.Fidelity != model.Opaque {
			t.Errorf("%+v %v", a, err)
		}
	})
}
