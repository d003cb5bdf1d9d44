package model

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// canaries are secrets of every known form, each with the part that must not be seen.
var canaries = []struct{ name, text, secret string }{
	{"github", "ghp_Hush0123456789abcdef", "Hush0123456789abcdef"},
	{"github fine", "github_pat_11HUSH0123456789abcdef", "11HUSH0123456789abcdef"},
	{"gitlab", "glpat-Hush0123456789abcd", "Hush0123456789abcd"},
	{"slack", "xoxb-012345678901-Hush0123456789", "Hush0123456789"},
	{"slack app", "xapp-1-A0HUSH-0123456789-abcdef", "A0HUSH-0123456789"},
	{"openai", "sk-proj-Hush0123456789abcdefGHIJ_x", "Hush0123456789abcdefGHIJ"},
	{"deepseek", "sk-0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"},
	{"google", "AIzaHushHushHush0123456789abcdefghijklm", "HushHushHush0123456789"},
	{"google token", "ya29.Hush0123456789abcdefghij", "Hush0123456789abcdefghij"},
	{"npm", "npm_Hush0123456789abcdefghijklmnopqrstuv", "Hush0123456789abcdef"},
	{"stripe", "sk_live_Hush0123456789abcdef", "Hush0123456789abcdef"},
	{"vault", "hvs.Hush0123456789abcdefghij", "Hush0123456789abcdefghij"},
	{"jwt", "eyJhbGciOiJIUzI1NiJ9.eyJodXNoIjoxfQ.Hush0123456789", "Hush0123456789"},
	{"eks", "k8s-aws-v1.Hush0123456789abcdef", "Hush0123456789abcdef"},
	{"aws", "AKIA2E0A8F3B244C9986/wJalrXUtnFEMIxK7MDENGxbPxRfiCYHUSHHUSKEY", "wJalrXUtnFEMIxK7MDENGxbPxRfiCYHUSHHUSKEY"},
	{"aws named", "aws_secret_access_key=wJalrXUtnFEMI", "wJalrXUtnFEMI"},
	{"password", "password=Hush0123", "Hush0123"},
	{"session", "session_token=Hush0123456789", "Hush0123456789"},
	{"userinfo", "postgres://bob:Hush0123@db.example/x", "Hush0123"},
	{"pem", "-----BEGIN RSA PRIVATE KEY-----\nHush0123456789abcdef\n-----END RSA PRIVATE KEY-----", "Hush0123456789abcdef"},
	{"bearer", "Bearer Hush0123456789abcdef", "Hush0123456789abcdef"},
	{"presigned", "https://b.s3.amazonaws.com/k?X-Amz-Signature=0123456789abcdefHush&x=y", "0123456789abcdefHush"},
}

// places are how a secret stands in an identifier.
var places = map[string]string{
	"key": "arn:aws:s3:::acme-data/backup/%s", "folder": "arn:aws:s3:::acme-data/%s/x.txt", "start": "%s", "underscore": "dump_%s", "equals": "token=%s",
	"tag": "team: %s", "object": "k8s://prod/core/ConfigMap/shop/%s",
}

func TestLaw8ASecretInAnIdentifierIsNeverKept(t *testing.T) {
	v := NewVeil([]byte("salt"))
	for _, c := range canaries {
		for place, form := range places {
			if place == "underscore" && strings.Contains("aws bearer presigned", c.name) {
				continue // no token of these begins there
			}
			text := fmt.Sprintf(form, c.text)
			got := v.Text(text)
			if strings.Contains(got, c.secret) || !Commits(got) {
				t.Errorf("%s as %s: %s", c.name, place, got)
			}
			if again := v.Text(got); again != got {
				t.Errorf("%s as %s: %s became %s", c.name, place, got, again)
			}
			if scrubbed := Scrub(plainJSON(got)); string(scrubbed) != string(plainJSON(got)) {
				t.Errorf("%s as %s: the last net took something from %s: %s", c.name, place, got, scrubbed)
			}
			if got := string(Scrub(plainJSON(text))); strings.Contains(got, c.secret) || !strings.Contains(got, Gone) {
				t.Errorf("%s as %s, scrubbed: %s", c.name, place, got)
			}
			other := v.Text(fmt.Sprintf(form, strings.Replace(c.text, c.secret, c.secret[:len(c.secret)-1]+"9", 1)))
			if c.secret[len(c.secret)-1] != '9' && other == got {
				t.Errorf("%s as %s: two secrets are one", c.name, place)
			}
		}
		for how, packed := range map[string]string{
			"base64": base64.StdEncoding.EncodeToString([]byte(c.text)), "base64 url": base64.RawURLEncoding.EncodeToString([]byte("x " + c.text)),
			"base64 twice": base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("it: " + c.text)))),
			"%XX":          all(c.text), "path": url.PathEscape(c.text), "python": python.Replace(c.text), "query": strings.ReplaceAll(url.QueryEscape(c.text), "+", "%20"),
		} {
			for _, form := range []string{"arn:aws:s3:::acme-data/backup/%s", "a/%s/b", "%s"} {
				text := fmt.Sprintf(form, packed)
				if got := v.Text(text); strings.Contains(got, packed) || strings.Contains(got, c.secret) || !Commits(got) || form == "a/%s/b" && strings.HasPrefix(how, "base64") && !strings.HasSuffix(got, "/b") {
					t.Errorf("%s in %s: %s became %s", c.name, how, text, got)
				}
			}
		}
	}
}

// python quotes as urllib.parse.quote does: slashes stay.
var python = strings.NewReplacer(":", "%3A", "@", "%40", " ", "%20", "=", "%3D", "\n", "%0A", "?", "%3F", "&", "%26")

// all spells every byte of a text with %XX.
func all(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

func TestACommitmentIsOfOneSecretInOneModel(t *testing.T) {
	one, again, other := NewVeil([]byte("salt")), NewVeil([]byte("salt")), NewVeil([]byte("another"))
	const text = "a/ghp_Hush0123456789abcdef/b"
	if one.Text(text) != again.Text(text) || one.Text(text) == other.Text(text) {
		t.Errorf("%s, %s, %s", one.Text(text), again.Text(text), other.Text(text))
	}
	if got := (*Veil)(nil).Text(text); got != "a/(redacted)/b" {
		t.Errorf("without a salt: %s", got)
	}
	if got := Unsaid(one.Text(text)); got != "a/*/b" {
		t.Errorf("%s", got)
	}
}

func TestAnActionIsVeiledWholeAndTheDecodersOwnIsNot(t *testing.T) {
	const s = "ghp_Hush0123456789abcdef"
	raw := json.RawMessage(`{"Key":"x/` + s + `","n":[1.50,{"` + s + `":true}]}`)
	a := Action{Service: "s" + "/" + s, Operation: s, Account: s, Region: s, Where: s, Unknown: []string{"a", s}, Params: raw, Native: raw,
		Actor: Actor{Said: map[string]string{s: s}}, Targets: []Target{{URN: "a", Type: "t"}, {URN: URN("x:" + s), Type: s}},
		Props: []Property{{Name: "p", Value: s}, {Name: "q", Value: []any{s, 1}}, {Name: "r", Value: []string{s}}}, Before: []Property{{Native: s}},
		Ties: &Ties{Relations: []Relation{{From: URN(s), To: URN(s)}}}, Affected: &Affected{Groups: []Along{{Type: s, Targets: []URN{URN(s)}}}, Why: []string{s}}}
	a.Parts = []Action{a}
	before, _ := json.Marshal(a)
	got := NewVeil(nil).Action(a)
	data, err := json.Marshal(got)
	if err != nil || strings.Contains(string(data), "Hush") {
		t.Errorf("%v %s", err, data)
	}
	if n := strings.Count(string(before), "Hush"); strings.Count(string(data), "(secret-") != n {
		t.Errorf("%d of %d", strings.Count(string(data), "(secret-"), n)
	}
	if now, _ := json.Marshal(a); string(now) != string(before) {
		t.Error("what the decoder has returned was changed")
	}
	o := Observation{Resource: Resource{URN: URN(s), Type: s, Name: s, Account: s, Region: s, Tags: map[string]string{s: s}, Aliases: []string{s}, Attrs: raw},
		Relations: []Relation{{From: URN(s)}}, Cut: []Relation{{To: URN(s)}}}
	all := []Observation{{Resource: Resource{URN: "a"}}, o}
	before, _ = json.Marshal(all)
	data, err = json.Marshal(NewVeil(nil).Observations(all))
	if err != nil || strings.Contains(string(data), "Hush") || strings.Count(string(data), "(secret-") != strings.Count(string(before), "Hush") {
		t.Errorf("%v %s", err, data)
	}
	if now, _ := json.Marshal(all); string(now) != string(before) {
		t.Error("what the decoder has returned was changed")
	}
}

// What a first look leaves out is not looked at again.
func TestAGlanceSeesWhatAFormFinds(t *testing.T) {
	texts := slices.Clone(identifiers())
	for _, c := range canaries {
		for _, form := range places {
			texts = append(texts, fmt.Sprintf(form, c.text), strings.ToUpper(fmt.Sprintf(form, c.text)), `{"a":"{\"password\":\"x\"}","b": "`+c.text+`"}`)
		}
	}
	for _, text := range texts {
		seen := glance(text)
		for i := range forms {
			if forms[i].find.MatchString(text) && seen.forms&(1<<i) == 0 {
				t.Errorf("form %d is in %q, and was not seen", i, text)
			}
		}
		if data := plainJSON(text); glance(data).forms|glance(text).forms != glance(data).forms {
			t.Errorf("%s in JSON hides a form", data)
		}
	}
}

func FuzzVeil(f *testing.F) {
	for _, c := range canaries {
		f.Add(c.text)
		f.Add(base64.StdEncoding.EncodeToString([]byte(c.text)))
		f.Add(url.PathEscape(c.text))
	}
	v := NewVeil([]byte("salt"))
	f.Fuzz(func(t *testing.T, text string) {
		seen := glance(text)
		for i := range forms {
			if forms[i].find.MatchString(text) && seen.forms&(1<<i) == 0 {
				t.Errorf("form %d is in %q, and was not seen", i, text)
			}
		}
		_ = v.Text(text)
		if data, err := json.Marshal(text); err == nil && !json.Valid(v.JSON(data)) {
			t.Errorf("%q", text)
		}
	})
}
