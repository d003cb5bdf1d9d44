package files

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// What a file says becomes documents in the platform's own words, and no secret does.
func TestIntended(t *testing.T) {
	known := func(u model.URN) (model.Resource, bool) {
		if strings.HasSuffix(string(u), ":db:d") {
			return model.Resource{URN: u, Attrs: json.RawMessage(`{"AllocatedStorage":20,"MultiAZ":false,"Endpoint":{"Port":1}}`)}, true
		}
		return model.Resource{}, false
	}
	said := read(t, `{"version":4,"serial":1,"lineage":"l","resources":[{"mode":"managed","type":"aws_db_instance","name":"d","instances":[
	 {"attributes":{"arn":"arn:aws:rds:r:1:db:d","allocated_storage":1000000,"multi_az":true,"endpoint":"x","password":"hunter2","tags":{"team":"a"}}}]}]}`)
	text, left, err := Intended(said, "platform", known)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kind: Resource", "owner: platform", "urn: arn:aws:rds:r:1:db:d", "AllocatedStorage: 1000000", "MultiAZ: true", "tags.team: a", "name: d"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	owned := "apiVersion: assent.dev/v1\nkind: Owner\nmetadata: {name: platform}\nspec: {accountable: \"human:a@b.example\"}\n---\n"
	if set, err := intent.Parse("draft.yaml", append([]byte(owned), text...)); err != nil || len(set.Resources) != 1 || len(set.Resources[0].Fields) < 3 {
		t.Errorf("it is no document: %v\n%s", err, text)
	}
	if left == 0 || strings.Contains(string(text), "hunter2") || strings.Contains(string(text), "ndpoint") {
		t.Errorf("%d left, of\n%s", left, text)
	}
	said = read(t, "resources:\n  - {urn: 'net://edge-1/', type: net:device, name: Edge 1, attrs: {site: fra, list: [{n: 1}]}}\n  - {urn: 'net://edge-2/', type: net:device, name: Edge 1, attrs: {site: ber}}\n")
	text, left, err = Intended(said, "network", known)
	if err != nil || left != 0 || !strings.Contains(string(text), "site: fra") || !strings.Contains(string(text), "name: edge-1-2") || strings.Count(string(text), "---") != 1 {
		t.Errorf("%v, %d left, of\n%s", err, left, text)
	}
}
