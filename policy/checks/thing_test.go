package checks

import (
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

func TestPlaceAndName(t *testing.T) {
	call := model.Action{Platform: "aws", Account: "123456789012", Region: "us-east-1"}
	cases := []struct {
		urn   model.URN
		res   model.Resource
		place intent.Place
		name  string
	}{
		{machine, model.Resource{}, intent.Place{Platform: "aws", Account: "123456789012", Region: "us-east-1"}, "i-0abcdef"},
		{"arn:aws:s3:::acme-reports", model.Resource{}, intent.Place{Platform: "aws", Account: "123456789012", Region: "us-east-1"}, "acme-reports"},
		{"arn:aws:s3:::acme-reports/acme/key", model.Resource{Account: "999999999999", Region: "eu-west-1"}, intent.Place{Platform: "aws", Account: "999999999999", Region: "eu-west-1"}, "acme-reports/acme/key"},
		{"arn:aws:iam::123456789012:role/team/deploy", model.Resource{}, intent.Place{Platform: "aws", Account: "123456789012", Region: "us-east-1", Global: true}, "team/deploy"},
		{"k8s://shop/core/Pod/web/api", model.Resource{}, intent.Place{Platform: "kubernetes", Cluster: "shop", Namespace: "web"}, "api"},
		{"k8s://arn:aws:eks:eu-west-1:1:cluster%2Fshop/core/Pod/web/api", model.Resource{}, intent.Place{Platform: "kubernetes", Cluster: "arn:aws:eks:eu-west-1:1:cluster/shop", Namespace: "web"}, "api"},
		{"k8s://shop/core/Namespace//web", model.Resource{}, intent.Place{Platform: "kubernetes", Cluster: "shop", Namespace: "web"}, "web"},
		{"k8s://shop/core/Node//n1", model.Resource{}, intent.Place{Platform: "kubernetes", Cluster: "shop"}, "n1"},
		{"k8s://broken", model.Resource{}, intent.Place{Platform: "kubernetes", Cluster: "*", Namespace: "*"}, "*"},
	}
	for _, c := range cases {
		if got := place(&call, c.urn, &c.res); got != c.place {
			t.Errorf("place of %s: %+v", c.urn, got)
		}
		if got := name(c.urn); got != c.name {
			t.Errorf("name of %s: %s", c.urn, got)
		}
	}
}

// A call that does not say its region (a bucket by its old host name, a multi-region
// access point) may go to any: it is not thereby global.
func TestAnUnknownRegionIsNotGlobal(t *testing.T) {
	call := model.Action{Platform: "aws", Account: "123456789012"}
	if got := place(&call, "arn:aws:s3:::acme-reports/key", &model.Resource{}); got.Region != "*" || got.Global {
		t.Errorf("a bucket whose region nobody knows is in %s", got)
	}
	if got := place(&call, "arn:aws:iam::123456789012:role/r", &model.Resource{}); got.Region != "" || !got.Global {
		t.Errorf("a role is in %s", got)
	}
}

// A URN that nobody can read is in no namespace or account that it does not name.
func FuzzPlace(f *testing.F) {
	f.Add("arn:aws:ec2:us-east-1:123456789012:instance/i-1")
	f.Add("k8s://shop/core/Pod/web/api")
	f.Add("k8s:///%zz///")
	f.Add("arn:::::")
	f.Fuzz(func(t *testing.T, urn string) {
		p := place(&model.Action{}, model.URN(urn), &model.Resource{})
		if p.Platform == "aws" && p.Account == "" {
			t.Errorf("%q: an unknown account is not marked as one: %+v", urn, p)
		}
		name(model.URN(urn))
	})
}
