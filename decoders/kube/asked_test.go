package kube

import (
	"context"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// asked notes what a decoder asks, and tells that two pods go along.
type asked struct {
	refs []Ref
	dels []Deletion
}

func (a *asked) Current(_ context.Context, r Ref) (map[string]any, bool) {
	a.refs = append(a.refs, r)
	return nil, false
}

func (a *asked) Affected(_ context.Context, d Deletion) *model.Affected {
	a.dels = append(a.dels, d)
	return &model.Affected{Count: 2, Complete: true}
}

func TestNobodyIsAskedButForADecisionAndAsTheCaller(t *testing.T) {
	for _, deciding := range []bool{false, true} {
		a := &asked{}
		d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "c.example:6443"}}, Current: a, Takes: a})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		if deciding {
			ctx = decoders.ForDecision(ctx, "dec_1")
		}
		for _, request := range []string{"PATCH " + apps + "/deployments/web", "DELETE " + apps + "/deployments/web", "GET " + apps + "/deployments/web"} {
			media, body := "", ""
			if strings.HasPrefix(request, "PATCH") {
				media, body = "application/merge-patch+json", "{}"
			}
			call := callOf(t, request, media, body)
			call.Header.Set("Authorization", "Bearer x")
			call.Header.Set("Impersonate-User", "ana")
			call.Header.Set("Cookie", "y")
			if _, err := d.Decode(ctx, call); err != nil {
				t.Fatal(err)
			}
		}
		if len(a.refs) != 1 || len(a.dels) != 1 {
			t.Fatalf("asked %+v %+v", a.refs, a.dels)
		}
		for _, as := range []map[string][]string{a.refs[0].As, a.dels[0].As} {
			if (as != nil) != deciding || deciding && (len(as) != 2 || as["Authorization"][0] != "Bearer x" || as["Impersonate-User"][0] != "ana") {
				t.Errorf("deciding %v: asked as %v", deciding, as)
			}
		}
	}
}

func TestWhatADeleteIsToTheServer(t *testing.T) {
	for request, want := range map[string]Deletion{
		"DELETE " + apps + "/deployments/web?propagationPolicy=Orphan":                        {Ref: Ref{Name: "web", Namespace: "shop", Resource: "deployments"}, Policy: "Orphan"},
		"DELETE " + apps + "/deployments?labelSelector=a%3Db&fieldSelector=metadata.name%3Dx": {Ref: Ref{Namespace: "shop", Resource: "deployments"}, Labels: "a=b", Fields: "metadata.name=x"},
		"POST /api/v1/namespaces/shop/pods/p/eviction":                                        {Ref: Ref{Name: "p", Namespace: "shop", Resource: "pods"}},
	} {
		a := &asked{}
		d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "c.example:6443"}}, Takes: a})
		if err != nil {
			t.Fatal(err)
		}
		action, err := d.Decode(t.Context(), callOf(t, request, "", ""))
		if err != nil || len(a.dels) != 1 || action.Affected == nil {
			t.Fatalf("%s: %v, asked %+v", request, err, a.dels)
		}
		got := a.dels[0]
		if got.Name != want.Name || got.Namespace != want.Namespace || got.Resource != want.Resource || got.Labels != want.Labels || got.Fields != want.Fields || got.Policy != want.Policy {
			t.Errorf("%s: %+v", request, got)
		}
	}
}

func TestWhatGoesAlongMakesNoOtherAction(t *testing.T) {
	a := model.Action{Verb: model.Delete, Affected: &model.Affected{Count: 1, Groups: []model.Along{{Type: "core/Pod", Targets: []model.URN{"a"}}}}}
	b := a
	b.Affected = &model.Affected{Count: 2, Groups: []model.Along{{Type: "core/Pod", Targets: []model.URN{"b", "c"}}}}
	if a.DigestString() != b.DigestString() {
		t.Error("pods come and go, and an approval with them")
	}
	b.Affected = &model.Affected{Count: 2, Groups: []model.Along{{Type: "core/PersistentVolume", Targets: []model.URN{"v"}, Data: true}}}
	if a.DigestString() == b.DigestString() {
		t.Error("who approved a delete has approved the loss of data that nobody named")
	}
}
