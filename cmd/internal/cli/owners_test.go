package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/owners"
	"github.com/assent-iom/assent/model/store"
)

func TestOwners(t *testing.T) {
	for _, c := range []struct{ id, want string }{
		{"i-01234567", arnBase + "instance/i-01234567\n  answers     data, human:dan@shop.example (tag team=data)\n  contact     slack #data\n  also claims shop (account 111122223333)\n"},
		{"arn:aws:rds:eu-west-1:111122223333:db:orders", "arn:aws:rds:eu-west-1:111122223333:db:orders\n  answers     nobody: data and shop are equally near\n" +
			"  also claims data (tag team=data)\n  also claims shop (tag app=shop)\n  also claims shop (account 111122223333)\n"},
		{"subnet-01234567", arnBase + "subnet/subnet-01234567\n  answers     shop, human:carol@shop.example (account 111122223333)\n"},
	} {
		a, out, errOut := modelApp(t)
		if code := a.Execute(context.Background(), []string{"owners", c.id}); code != 0 || out.String() != c.want {
			t.Errorf("%s: exit %d\n%swant\n%s%s", c.id, code, out, c.want, errOut)
		}
	}
	a, out, _ := modelApp(t)
	if code := a.Execute(context.Background(), []string{"owners", "--json"}); code != 0 || strings.Count(out.String(), "\n") != 4 {
		t.Errorf("exit %d\n%s", code, out)
	}
	if code := a.Execute(context.Background(), []string{"owners", "i-0fffffff"}); code != 1 {
		t.Errorf("what is not known: exit %d", code)
	}
}

// ownersApp is modelApp with more that is written about owners.
func ownersApp(t *testing.T) (*App, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	a, out, errOut := modelApp(t)
	a.configPath = filepath.Join(a.Dir, "assent.yaml")
	for name, text := range map[string]string{
		"assent.yaml": "intent: intent\nmodel: model.db\nledger: ledger\nowners:\n  codeowners: [{file: CODEOWNERS}]\n  states: [{lineage: abc, name: net, path: net/, owner: netops}]\n",
		"CODEOWNERS":  "* @acme/everything\n/net/ @x #data\n/net/ carol@acme.example\n",
	} {
		if err := os.WriteFile(filepath.Join(a.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(filepath.Join(a.Dir, "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Unix(2, 0)
	nobodys := model.URN("arn:aws:sqs:eu-west-1:999999999999:q")
	if err := s.Save(t.Context(), []model.Observation{
		{Resource: model.Resource{URN: arnBase + "subnet/subnet-01234567", Attrs: json.RawMessage(`{"terraform":{"source":"terraform abc@3"}}`)}},
		{Resource: model.Resource{URN: nobodys, Platform: "aws", Type: "sqs:queue", Account: "999999999999", Region: "eu-west-1", SeenAt: at}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Executed(t.Context(), []model.Built{{URN: nobodys, Type: "sqs:queue", At: at, Decision: "dec_9",
		Made: &model.Making{At: at, Actor: "human:eve", Decision: "dec_9", Operation: "sqs:CreateQueue"}}}, nil); err != nil {
		t.Fatal(err)
	}
	return a, out, errOut
}

func ownerOf(t *testing.T, id string) owned {
	t.Helper()
	a, out, errOut := ownersApp(t)
	if code := a.Execute(context.Background(), []string{"owners", id, "--json"}); code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	var o owned
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// What stands lower on the ladder is shown with its source, and takes nobody's place
// who is declared.
func TestOwnersWhomOnlyOthersHaveWrittenAreShownAndNotAccountable(t *testing.T) {
	o := ownerOf(t, "subnet-01234567")
	if o.Owner != "shop" || o.Accountable != "human:carol@shop.example" || o.Said != nil || !o.Conflict {
		t.Errorf("%+v", o)
	}
	want := []owners.Claim{
		{Rung: owners.CodeOwners, Owner: "carol@acme.example", Confidence: model.Ruled},
		{Rung: owners.Workspace, Owner: "netops", Source: "workspace net", Confidence: model.Ruled},
		{Rung: owners.Container, Owner: "shop", Person: "human:carol@shop.example", Source: "account 111122223333", Confidence: model.Stated, Declared: true},
	}
	if len(o.Claims) != len(want) {
		t.Fatalf("%+v", o.Claims)
	}
	for i, w := range want {
		got := o.Claims[i]
		if i == 0 {
			if !strings.HasSuffix(got.Source, "CODEOWNERS:3 /net/ for net/ (workspace net)") {
				t.Errorf("%+v", got)
			}
			w.Source = got.Source
		}
		if got != w {
			t.Errorf("%+v, want %+v", got, w)
		}
	}
	o = ownerOf(t, "arn:aws:sqs:eu-west-1:999999999999:q")
	if o.Owner != "" || o.Accountable != "" || o.Said == nil || o.Said.Owner != "human:eve" || o.Said.Source != "dec_9 sqs:CreateQueue" || o.Conflict {
		t.Errorf("%+v", o)
	}
	a, out, _ := ownersApp(t)
	if code := a.Execute(context.Background(), []string{"what", "subnet-01234567"}); code != 0 || !strings.Contains(out.String(), "  answers     shop,") || !strings.Contains(out.String(), "  conflict    carol@acme.example and netops and shop are named") {
		t.Errorf("exit %d\n%s", code, out)
	}
}
