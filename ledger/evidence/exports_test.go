package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"encoding/pem"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// The key's PEM is the one that crypto/x509 reads and would have written.
func TestThePublicKeyIsAPEM(t *testing.T) {
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := note.NewEd25519VerifierKey("log", public)
	if err != nil {
		t.Fatal(err)
	}
	have, err := PublicPEM(vkey)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if want := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}); string(have) != string(want) {
		t.Errorf("%s, want %s", have, want)
	}
}

// What OSCAL's schema (assessment results, 1.1) asks of the members that a pack
// writes: these are there, and in their forms.
func TestOSCALHasWhatItsSchemaAsksFor(t *testing.T) {
	_, pack := build(t, filled(t), month("nist"))
	data, err := json.Marshal(OSCAL(pack))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Results struct {
			UUID     string
			Metadata map[string]string
			ImportAP struct{ Href string } `json:"import-ap"`
			Results  []struct {
				UUID, Title, Description, Start, End string
				Reviewed                             struct {
					Selections []struct {
						Include []struct {
							ID string `json:"control-id"`
						} `json:"include-controls"`
					} `json:"control-selections"`
				} `json:"reviewed-controls"`
				Observations []struct {
					UUID, Title, Description, Collected string
					Methods                             []string
				}
			}
		} `json:"assessment-results"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	uuid := regexp.MustCompile(`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[45][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$`)
	token := regexp.MustCompile(`^(\p{L}|_)(\p{L}|\p{N}|[.\-_])*$`)
	moment := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)
	r := doc.Results
	for _, name := range []string{"title", "last-modified", "version", "oscal-version"} {
		if r.Metadata[name] == "" {
			t.Errorf("metadata has no %s", name)
		}
	}
	if !uuid.MatchString(r.UUID) || r.ImportAP.Href == "" || len(r.Results) != 1 || !moment.MatchString(r.Metadata["last-modified"]) {
		t.Fatalf("%s", data)
	}
	result := r.Results[0]
	if !uuid.MatchString(result.UUID) || result.Title == "" || result.Description == "" || !moment.MatchString(result.Start) || !moment.MatchString(result.End) || len(result.Observations) != len(frameworks()["nist"].Controls) {
		t.Errorf("%+v", result)
	}
	seen := map[string]bool{r.UUID: true, result.UUID: true}
	for _, o := range result.Observations {
		if !uuid.MatchString(o.UUID) || seen[o.UUID] || o.Description == "" || !moment.MatchString(o.Collected) || len(o.Methods) != 1 || o.Methods[0] != "EXAMINE" {
			t.Errorf("%+v", o)
		}
		seen[o.UUID] = true
	}
	for _, c := range result.Reviewed.Selections[0].Include {
		if !token.MatchString(c.ID) {
			t.Errorf("control id %q", c.ID)
		}
	}
	for _, f := range frameworks() {
		for _, c := range f.Controls {
			if id := controlToken(c.ID); !token.MatchString(id) {
				t.Errorf("control id %q", id)
			}
		}
	}
}

// An API Activity of OCSF has its required members, and says what was done.
func TestOCSFSaysWhatWasDone(t *testing.T) {
	_, pack := build(t, filled(t), month("nist"))
	for _, r := range pack.Records {
		data, err := json.Marshal(OCSF("log", r))
		if err != nil {
			t.Fatal(err)
		}
		var e map[string]any
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint", "time", "type_uid"} {
			if e[name] == nil {
				t.Errorf("no %s", name)
			}
		}
		if e["type_uid"] != 600301.0 || (e["action_id"] == 2.0) == r.Passed || e["time"] != float64(r.At.UnixMilli()) || (e["status_id"] == 1.0) != (r.Outcome == "succeeded") {
			t.Errorf("%+v: %s", r, data)
		}
	}
}

func TestCloudEventsHaveTheirAttributes(t *testing.T) {
	_, pack := build(t, filled(t), month("nist"))
	ids := map[string]bool{}
	for _, r := range pack.Records {
		data, err := json.Marshal(CloudEvent("log", r))
		if err != nil {
			t.Fatal(err)
		}
		var e map[string]any
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		id, _ := e["id"].(string)
		if e["specversion"] != "1.0" || id == "" || ids[id] || e["source"] != "log" || !strings.HasPrefix(e["type"].(string), "dev.assent.") || e["time"] == nil || e["data"] == nil {
			t.Errorf("%s", data)
		}
		ids[id] = true
	}
}

// The table is read back by encoding/csv, whatever is in its cells.
func TestTheTableIsCSV(t *testing.T) {
	records := []Record{{ID: `a "quoted", one`, Actor: "two\nlines", Targets: []string{" x", "y,z"}}, {ID: "\r", Run: ""}}
	rows, err := csv.NewReader(bytes.NewReader(CSV(records))).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][1] != records[0].ID || rows[1][3] != records[0].Actor || rows[1][12] != " x y,z" {
		t.Errorf("%q %v", rows, err)
	}
}
