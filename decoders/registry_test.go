package decoders

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// fake claims the hosts that end in its name.
type fake string

func (f fake) Name() string { return string(f) }
func (f fake) Claims(c Call) Claim {
	return Claim{Mine: strings.HasSuffix(c.Host, string(f)), Body: StreamBody}
}
func (fake) Decode(context.Context, Call) (model.Action, error) { return model.Action{}, nil }
func (fake) Learn(Call, *Response) []model.Observation          { return nil }
func (fake) Refuse(Call, Refusal) *http.Response                { return nil }

func TestFindGivesACallToTheDecoderThatClaimsIt(t *testing.T) {
	r, err := NewRegistry([]Decoder{fake("aws"), fake("kube"), fake("s")}, []Binding{{Host: "*.corp.example", Platform: "kube"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		host, want string
		fails      bool
	}{
		{host: "ec2.kube", want: "kube"},
		{host: "example.org"},
		{host: "api.corp.example", want: "kube"},
		{host: "API.corp.example:6443", want: "kube"},
		{host: "ec2.aws", fails: true}, // "s" claims it too
	} {
		d, claim, err := r.Find(Call{Host: tc.host})
		switch {
		case tc.fails:
			if err == nil || d != nil {
				t.Errorf("%s: two claims on one call must be an error, got %v", tc.host, d)
			}
		case err != nil:
			t.Errorf("%s: %v", tc.host, err)
		case tc.want == "":
			if d != nil {
				t.Errorf("%s: claimed by %s", tc.host, d.Name())
			}
		case d == nil || d.Name() != tc.want || !claim.Mine || claim.Body != StreamBody:
			t.Errorf("%s: %v %+v", tc.host, d, claim)
		}
	}
}

func TestNewRegistryRefusesWhatCannotWork(t *testing.T) {
	for name, f := range map[string]func() (*Registry, error){
		"two of one name":     func() (*Registry, error) { return NewRegistry([]Decoder{fake("aws"), fake("aws")}, nil) },
		"an unknown platform": func() (*Registry, error) { return NewRegistry([]Decoder{fake("aws")}, []Binding{{"h", "azure"}}) },
		"a broken pattern":    func() (*Registry, error) { return NewRegistry([]Decoder{fake("aws")}, []Binding{{"[", "aws"}}) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestHostMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, host string
		want          bool
	}{
		{"*.amazonaws.com", "s3.us-east-1.amazonaws.com", true},
		{"*.amazonaws.com", "s3.us-east-1.amazonaws.com:443", true},
		{"*.amazonaws.com", "amazonaws.com", false},
		{"*.amazonaws.com", "evil-amazonaws.com", false},
		{"127.0.0.1:6443", "127.0.0.1:6443", true},
		{"127.0.0.1:6443", "127.0.0.1:6444", false},
		{"Example.ORG", "example.org", true},
	} {
		if got := HostMatches(tc.pattern, tc.host); got != tc.want {
			t.Errorf("HostMatches(%q, %q) = %v", tc.pattern, tc.host, got)
		}
	}
}
