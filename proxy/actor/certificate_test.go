package actor

import (
	"crypto/x509"
	"net/url"
	"reflect"
	"testing"

	"github.com/assent-iom/assent/model"
)

func TestACertificateNamesTheActorThatItWasMadeFor(t *testing.T) {
	for _, id := range []string{"deploy-agent", "human:dana@shop.example", "a/b c?d=e%2f"} {
		want := model.Actor{ID: id, Kind: model.Agent, For: []string{"human:dana"}, Authn: "run-certificate"}
		u, err := url.Parse(URI(want, "run_1").String()) // as it comes back out of a certificate
		if err != nil {
			t.Fatal(err)
		}
		got, run, ok := new(Tokens).AuthenticateCertificate(&x509.Certificate{URIs: []*url.URL{u}})
		if !ok || run != "run_1" || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, run %q, %v", id, got, run, ok)
		}
	}
}

func TestACertificateOfAnotherKindNamesNobody(t *testing.T) {
	for _, text := range []string{"spiffe://shop/agent", "assent://host/x", "assent://actor/", "assent://actor"} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if a, _, ok := OfCertificate(&x509.Certificate{URIs: []*url.URL{u}}); ok {
			t.Errorf("%s is taken for %+v", text, a)
		}
	}
	u := URI(model.Actor{ID: "a"}, "")
	if _, _, ok := OfCertificate(&x509.Certificate{URIs: []*url.URL{u, u}}); ok {
		t.Error("two names are taken for one")
	}
	if _, _, ok := OfCertificate(&x509.Certificate{}); ok {
		t.Error("no name is taken for one")
	}
}
