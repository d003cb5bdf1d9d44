package files

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

func config() Config {
	return Config{
		Identify: func(id string) (model.URN, string, bool) {
			switch {
			case strings.HasPrefix(id, "arn:aws:") && strings.Count(id, ":") >= 5:
				parts := strings.SplitN(id, ":", 6)
				kind, _, _ := strings.Cut(parts[5], "/")
				return model.URN(id), parts[2] + ":" + kind, true
			case strings.HasPrefix(id, "nat-"):
				return model.URN("arn:aws:ec2:*:*:natgateway/" + id), "ec2:natgateway", true
			}
			return "", "", false
		},
		Redact: func(m map[string]any) map[string]any { delete(m, "password"); return m },
	}
}

func read(t *testing.T, text string) *Import {
	t.Helper()
	got, err := Read(strings.NewReader(text), config())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const state = `{"version":4,"terraform_version":"1.11.4","serial":7,"lineage":"l-1","resources":[
 {"mode":"data","type":"aws_ami","name":"x","instances":[{"attributes":{"arn":"arn:aws:ec2:r:1:image/ami-1"}}]},
 {"mode":"managed","type":"aws_vpc","name":"main","instances":[{"attributes":{"arn":"arn:aws:ec2:r:1:vpc/vpc-1","id":"vpc-1","tags":{"team":"a"}},"dependencies":[]}]},
 {"module":"module.net","mode":"managed","type":"aws_subnet","name":"s","instances":[
   {"index_key":0,"attributes":{"arn":"arn:aws:ec2:r:1:subnet/subnet-1"},"dependencies":["aws_vpc.main"]},
   {"index_key":"b","attributes":{"arn":"arn:aws:ec2:r:1:subnet/subnet-2"},"dependencies":["aws_vpc.main"]},
   {"index_key":1,"deposed":"d","attributes":{"arn":"arn:aws:ec2:r:1:subnet/subnet-3"}}]},
 {"mode":"managed","type":"aws_nat_gateway","name":"n","instances":[{"attributes":{"id":"nat-1"},"dependencies":["module.net.aws_subnet.s","aws_vpc.main"]}]},
 {"mode":"managed","type":"random_password","name":"p","instances":[{"attributes":{"id":"none","result":"hunter2"}}]},
 {"mode":"managed","type":"aws_db_instance","name":"d","instances":[{"attributes":{"arn":"arn:aws:rds:r:1:db:d","password":"hunter2","k":[{"token":"hunter2"}]},
   "sensitive_attributes":[[{"type":"get_attr","value":"k"},{"type":"index","value":{"value":0,"type":"number"}},{"type":"get_attr","value":"token"}]]}]}]}`

func TestState(t *testing.T) {
	got := read(t, state)
	if got.Source != "terraform l-1@7" || len(got.Imported) != 5 || len(got.Skipped) != 2 {
		t.Fatalf("%+v", got)
	}
	want := map[string]Imported{
		"aws_vpc.main":                 {Confidence: model.Stated, Relations: 0},
		"module.net.aws_subnet.s[0]":   {Confidence: model.Stated, Relations: 1},
		`module.net.aws_subnet.s["b"]`: {Confidence: model.Stated, Relations: 1},
		"aws_nat_gateway.n":            {Confidence: model.Ruled, Relations: 3},
		"aws_db_instance.d":            {Confidence: model.Stated, Relations: 0},
	}
	for _, i := range got.Imported {
		w, ok := want[i.Address]
		if !ok || i.Confidence != w.Confidence || i.Relations != w.Relations {
			t.Errorf("%+v", i)
		}
	}
	for _, o := range got.Observations {
		if o.Whole || o.Gone || o.Resource.Source != got.Source {
			t.Errorf("%+v", o)
		}
		if strings.Contains(string(o.Resource.Attrs), "hunter2") {
			t.Errorf("a secret: %s", o.Resource.Attrs)
		}
		var attrs map[string]json.RawMessage
		if err := json.Unmarshal(o.Resource.Attrs, &attrs); err != nil || len(attrs) != 1 || attrs["terraform"] == nil {
			t.Errorf("what a file says is not under its own member: %s", o.Resource.Attrs)
		}
	}
}

func TestShow(t *testing.T) {
	const root = `{"root_module":{"resources":[{"address":"aws_vpc.v","mode":"managed","type":"aws_vpc","values":{"arn":"arn:aws:ec2:r:1:vpc/vpc-1","secret":{"a":["hunter2"]}},"sensitive_values":{"secret":{"a":[true]}}}],
	 "child_modules":[{"resources":[{"address":"module.m.aws_subnet.s[0]","mode":"managed","type":"aws_subnet","values":{"arn":"arn:aws:ec2:r:1:subnet/subnet-1"},"depends_on":["aws_vpc.v"]}]}]}}`
	for name, text := range map[string]string{
		"a state": `{"format_version":"1.0","values":` + root + `}`,
		"a plan":  `{"format_version":"1.2","planned_values":{"root_module":{"resources":[{"address":"x"}]}},"prior_state":{"format_version":"1.0","values":` + root + `}}`,
	} {
		got := read(t, text)
		if len(got.Imported) != 2 || got.Imported[1].Relations != 1 || strings.Contains(string(got.Observations[0].Resource.Attrs), "hunter2") {
			t.Errorf("%s: %+v %s", name, got.Imported, got.Observations[0].Resource.Attrs)
		}
	}
	if got := read(t, `{"format_version":"1.2","planned_values":{}}`); len(got.Imported) != 0 {
		t.Errorf("of what is only planned: %+v", got.Imported)
	}
}

func TestYAML(t *testing.T) {
	got := read(t, `
resources:
  - urn: net://edge-1/interfaces
    type: net:device
    name: edge-1
    tags: {team: network}
    attrs: {site: fra, password: hunter2}
    needs:
      - {urn: "arn:aws:ec2:r:1:vpc/vpc-1", relation: routes-via}
      - {urn: "net://core-1/"}
`)
	o := got.Observations[0]
	if o.Resource.Platform != "net" || o.Resource.Name != "edge-1" || len(o.Relations) != 2 || o.Relations[0].Type != model.RoutesVia || o.Relations[1].Type != model.References || strings.Contains(string(o.Resource.Attrs), "hunter2") {
		t.Errorf("%+v %s", o, o.Resource.Attrs)
	}
}

// What is not one of these is an error, and nothing of it is taken in.
func TestWhatIsNoneOfTheseIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "an older state": `{"version":3,"lineage":"l"}`, "another JSON": `{"a":1}`, "half a state": state[:len(state)/2], "other YAML": "a: b", "no resources": "resources: []",
		"a stranger's field": "resources: [{urn: u, type: t, colour: red}]", "no type": "resources: [{urn: u}]", "no such relation": "resources: [{urn: u, type: t, needs: [{urn: v, relation: likes}]}]",
	} {
		if got, err := Read(strings.NewReader(text), config()); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(state))
	f.Add([]byte("resources: [{urn: u, type: t, attrs: {a: [1, {b: c}]}}]"))
	f.Add([]byte(`{"format_version":"1","values":{"root_module":{"resources":[{"mode":"managed","values":{"id":"nat-1"},"sensitive_values":true}]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Read(strings.NewReader(string(data)), config())
		if err != nil {
			return
		}
		for _, o := range got.Observations {
			if o.Gone || o.Whole || o.Resource.URN == "" {
				t.Errorf("%+v", o)
			}
		}
	})
}
