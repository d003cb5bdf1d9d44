package reconcile

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
)

func ruled(t *testing.T) *Rules {
	t.Helper()
	r, err := ReadRules()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func value(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	if !json.Valid([]byte(text)) {
		t.Fatalf("%s is no JSON", text)
	}
	return parse(json.RawMessage(text))
}

// Every row of fields.tsv can be read, and a row that cannot is named.
func TestFieldsOfCalls(t *testing.T) {
	rows, err := setters()
	if err != nil || len(rows) < 20 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for _, bad := range []string{"a\tb", "t\tf\tturn\ts:O\tp\t-", "t\tf.*\tset\ts:O\tp\t-", "t\tf\tset\tO\tp\t-", "t\tf\tset\ts:O\tp\tId"} {
		if _, err := parseFields("# comment\n" + bad + "\n"); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// A value is as it is declared if all that is declared of it is there, and no item
// beside those that are.
func TestMeets(t *testing.T) {
	r := ruled(t)
	const rule = `{"IpProtocol":"tcp","FromPort":443,"ToPort":443,"IpRanges":[{"CidrIp":"10.0.0.0/8","Description":"x"}],"UserIdGroupPairs":[]}`
	for _, tc := range []struct {
		name, kind, path, want, have string
		meets                        bool
	}{
		{"the same", "a", "x", `1`, `1`, true},
		{"another", "a", "x", `1`, `2`, false},
		{"a number as a text", "sqs:queue", "x", `30`, `"30"`, true},
		{"nothing, and nothing there", "a", "x", ``, `[]`, true},
		{"nothing, and something there", "a", "x", ``, `[1]`, false},
		{"something, and nothing there", "a", "x", `1`, ``, false},
		{"defaults beside it", "a", "x", `{"a":1}`, `{"a":1,"b":2}`, true},
		{"a member less", "a", "x", `{"a":1,"b":2}`, `{"a":1}`, false},
		{"a set in another order", "a", "x", `[1,2]`, `[2,1]`, true},
		{"an order that counts", "apps/Deployment", "spec.command", `["a","b"]`, `["b","a"]`, false},
		{"an item more", "a", "x", `[1]`, `[1,2]`, false},
		{"the one that says most chooses first", "a", "x", `[{"a":1},{"a":1,"b":2}]`, `[{"a":1,"b":2},{"a":1,"c":3}]`, true},
		{"a policy's one for a list", "iam:role", "P", `{"Statement":[{"Action":["s3:Get*"]}]}`, `"{\"Statement\":{\"Action\":\"s3:Get*\"}}"`, true},
		{"a rule of a firewall", "ec2:security-group", "IpPermissions", `[{"IpProtocol":"tcp","FromPort":443,"ToPort":443,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]`, `[` + rule + `]`, true},
		{"a rule with two sources is two", "ec2:security-group", "IpPermissions",
			`[{"IpProtocol":"tcp","FromPort":1,"ToPort":1,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]},{"IpProtocol":"tcp","FromPort":1,"ToPort":1,"IpRanges":[{"CidrIp":"10.1.0.0/16"}]}]`,
			`[{"IpProtocol":"tcp","FromPort":1,"ToPort":1,"IpRanges":[{"CidrIp":"10.1.0.0/16"},{"CidrIp":"10.0.0.0/8"}]}]`, true},
		{"a rule more", "ec2:security-group", "IpPermissions", `[` + rule + `]`, `[` + rule + `,{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]`, false},
	} {
		if got := Meets(r, tc.kind, tc.path, value(t, tc.want), value(t, tc.have)); got != tc.meets {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// What an action makes of a field is told where the call says it, and is anything
// where it does not.
func TestWhatBecomesOfAField(t *testing.T) {
	r := ruled(t)
	const open = `[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]`
	group := model.Resource{URN: "arn:aws:ec2:r:1:security-group/sg-1", Type: "ec2:security-group", Attrs: json.RawMessage(`{"IpPermissions":` + open + `}`)}
	web := model.Resource{URN: "k8s://c/apps/Deployment/n/web", Type: "apps/Deployment", Attrs: json.RawMessage(`{"spec":{"replicas":2}}`)}
	aws := func(op, params string) model.Action {
		return model.Action{Platform: "aws", Service: "ec2", Operation: op, Verb: model.Update, Fidelity: model.Exact, Params: json.RawMessage(params)}
	}
	kube := func(op string, verb model.Verb, params string) model.Action {
		return model.Action{Platform: "kubernetes", Service: "apps", Operation: op, Verb: verb, Fidelity: model.Exact, Params: json.RawMessage(params)}
	}
	for _, tc := range []struct {
		name          string
		a             model.Action
		on            model.Resource
		path, after   string
		told, changed bool
	}{
		{"a rule is taken out", aws("RevokeSecurityGroupIngress", `{"GroupId":"sg-1","IpPermissions":`+open+`}`), group, "IpPermissions", `[]`, true, true},
		{"a rule named member by member", aws("RevokeSecurityGroupIngress", `{"GroupId":"sg-1","IpProtocol":"tcp","FromPort":22,"ToPort":22,"CidrIp":"0.0.0.0/0"}`), group, "IpPermissions", `[]`, true, true},
		{"a rule that is there is put in", aws("AuthorizeSecurityGroupIngress", `{"IpPermissions":`+open+`}`), group, "IpPermissions", open, true, false},
		{"of the other direction", aws("RevokeSecurityGroupEgress", `{"IpPermissions":`+open+`}`), group, "IpPermissions", open, true, false},
		{"a call that the table does not have", aws("ModifySecurityGroupRules", `{}`), group, "IpPermissions", ``, false, true},
		{"labels alone", aws("CreateTags", `{}`), group, "IpPermissions", open, true, false},
		{"labels, one of which is asked for", aws("CreateTags", `{}`), group, "tags.team", ``, false, true},
		{"a deletion", kube("delete deployments", model.Delete, ``), web, "spec.replicas", ``, true, true},
		{"a whole object", kube("update deployments", model.Update, `{"object":{"spec":{"replicas":3}}}`), web, "spec.replicas", `3`, true, true},
		{"a whole object without it", kube("update deployments", model.Update, `{"object":{"spec":{}}}`), web, "spec.replicas", ``, true, true},
		{"scale", kube("update deployments/scale", model.Scale, `{"object":{"spec":{"replicas":2}}}`), web, "spec.replicas", `2`, true, false},
		{"status", kube("patch deployments/status", model.Update, `{"patch":{"status":{}},"patch_type":"merge"}`), web, "spec.replicas", `2`, true, false},
		{"another subresource", kube("create deployments/rollback", model.Update, `{"object":{}}`), web, "spec.replicas", ``, false, true},
		{"a merge patch of it", kube("patch deployments", model.Update, `{"patch":{"spec":{"replicas":4}},"patch_type":"merge"}`), web, "spec.replicas", `4`, true, true},
		{"a merge patch that takes it away", kube("patch deployments", model.Update, `{"patch":{"spec":{"replicas":null}},"patch_type":"merge"}`), web, "spec.replicas", ``, true, true},
		{"a merge patch of its parent", kube("patch deployments", model.Update, `{"patch":{"spec":null},"patch_type":"merge"}`), web, "spec.replicas", ``, true, true},
		{"a merge patch of something else", kube("patch deployments", model.Update, `{"patch":{"spec":{"paused":true}},"patch_type":"merge"}`), web, "spec.replicas", `2`, true, false},
		{"a JSON patch of it", kube("patch deployments", model.Update, `{"patch":[{"op":"replace","path":"/spec/replicas","value":5}],"patch_type":"json"}`), web, "spec.replicas", `5`, true, true},
		{"a JSON patch that moves", kube("patch deployments", model.Update, `{"patch":[{"op":"move","from":"/a","path":"/spec/replicas"}],"patch_type":"json"}`), web, "spec.replicas", ``, false, true},
		{"a strategic patch of a list", kube("patch deployments", model.Update, `{"patch":{"spec":{"list":[1]}},"patch_type":"strategic"}`), web, "spec.list", ``, false, true},
		{"a body that is no JSON", kube("update deployments", model.Update, `{`), web, "spec.replicas", ``, false, true},
		{"a command in it", kube("create pods/exec", model.Execute, `{}`), web, "spec.replicas", `2`, true, false},
	} {
		got := EffectOf(r, tc.a, tc.on.Type).On(tc.on, tc.path)
		if got.Told != tc.told || got.Changed != tc.changed || tc.told && tc.a.Verb != model.Delete && !Meets(r, tc.on.Type, tc.path, value(t, tc.after), got.After) {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

// The way back is one call for each way in which a field is set; where there is none,
// it says why.
func TestTheWayBack(t *testing.T) {
	rule := func(cidr string) any {
		return map[string]any{"IpProtocol": "tcp", "IpRanges": []any{map[string]any{"CidrIp": cidr}}}
	}
	for _, tc := range []struct {
		name    string
		r       model.Resource
		b       string
		drifted []model.Deviation
		want    []string // calls; empty: a reason
		params  string
	}{
		{"a rule that came, and one that is gone", model.Resource{URN: "arn:aws:ec2:r:1:security-group/sg-1", Type: "ec2:security-group"}, `{}`,
			[]model.Deviation{{Path: "IpPermissions", Was: []any{rule("10.0.0.0/8")}, Now: []any{rule("0.0.0.0/0")}}},
			[]string{"ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"}, `{"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"tcp","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}`},
		{"two fields of one call", model.Resource{URN: "arn:aws:rds:r:1:db:shop", Type: "rds:db"}, `{}`,
			[]model.Deviation{{Path: "BackupRetentionPeriod", Was: 7, Now: 0}, {Path: "PubliclyAccessible", Was: false, Now: true}},
			[]string{"rds:ModifyDBInstance"}, `{"ApplyImmediately":true,"BackupRetentionPeriod":7,"DBInstanceIdentifier":"shop","PubliclyAccessible":false}`},
		{"a field that no call is known for", model.Resource{URN: "arn:aws:rds:r:1:db:shop", Type: "rds:db"}, `{}`, []model.Deviation{{Path: "Engine", Was: "a", Now: "b"}}, []string{""}, ``},
		{"what was not there", model.Resource{URN: "arn:aws:s3:::b", Type: "s3:bucket"}, `{}`, []model.Deviation{{Path: "bucketpolicy.Policy", Now: "{}"}}, []string{""}, ``},
		{"a list of an object, whole", model.Resource{URN: "k8s://c/rbac.authorization.k8s.io/Role/n/r", Type: "rbac.authorization.k8s.io/Role"}, `{"rules":[{"verbs":["get"]}]}`,
			[]model.Deviation{{Path: "rules", Was: nil, Now: []any{1}}}, []string{Patch}, `{"rules":[{"verbs":["get"]}]}`},
		{"a label", model.Resource{URN: "k8s://c/core/ConfigMap/n/r", Type: "core/ConfigMap"}, `{}`, []model.Deviation{{Path: "tags.team", Was: "a", Now: "b"}}, []string{Patch}, `{"metadata":{"labels":{"team":"a"}}}`},
		{"a list of which parts are kept", model.Resource{URN: "k8s://c/apps/Deployment/n/r", Type: "apps/Deployment"}, `{}`,
			[]model.Deviation{{Path: "spec.template.spec.containers[a].env", Was: 1}}, []string{""}, ``},
	} {
		got := Invert(tc.r, model.Built{URN: tc.r.URN, Attrs: json.RawMessage(tc.b)}, tc.drifted)
		if len(got) != len(tc.want) {
			t.Errorf("%s: %+v", tc.name, got)
			continue
		}
		for i, call := range tc.want {
			if got[i].Call != call || (call == "") == (got[i].Why == "") {
				t.Errorf("%s: %+v", tc.name, got[i])
			}
		}
		if string(got[0].Params) != tc.params {
			t.Errorf("%s: %s", tc.name, got[0].Params)
		}
	}
}

// What is adopted is as it is now, and nothing else is.
func TestAdopt(t *testing.T) {
	b := model.Built{Attrs: json.RawMessage(`{"a":1,"b":{"c":1,"d":1},"e":1}`), Tags: map[string]string{"x": "1", "y": "1"}}
	r := model.Resource{Attrs: json.RawMessage(`{"a":2,"b":{"c":2,"d":2}}`), Tags: map[string]string{"x": "2"}}
	got := Adopt(b, r, []string{"b.c", "e", "tags.x", "tags.y"})
	if string(got.Attrs) != `{"a":1,"b":{"c":2,"d":1}}` || len(got.Tags) != 1 || got.Tags["x"] != "2" || b.Tags["x"] != "1" {
		t.Errorf("%s %v", got.Attrs, got.Tags)
	}
}

func FuzzEffect(f *testing.F) {
	f.Add(`{"patch":[{"op":"replace","path":"/spec/replicas","value":5}],"patch_type":"json"}`, "spec.replicas", true)
	f.Add(`{"IpPermissions":[{"IpRanges":[{}]}]}`, "IpPermissions", false)
	rules, err := ReadRules()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, params, path string, kube bool) {
		a := model.Action{Platform: "aws", Service: "ec2", Operation: "AuthorizeSecurityGroupIngress", Verb: model.Update, Fidelity: model.Exact, Params: json.RawMessage(params)}
		r := model.Resource{URN: "arn:aws:ec2:r:1:security-group/sg-1", Type: "ec2:security-group", Attrs: json.RawMessage(params)}
		if kube {
			a.Platform, a.Operation = "kubernetes", "patch roles"
			r.URN, r.Type = "k8s://c/g/Role/n/r", "g/Role"
		}
		touch := EffectOf(rules, a, r.Type).On(r, path)
		if !touch.Told && !touch.Changed {
			t.Errorf("what cannot be told is as it was: %q of %q", path, params)
		}
	})
}

// A change does not make what had drifted before it, and was not its business, what was
// built.
func TestAChangeLaundersNoDrift(t *testing.T) {
	at := day.Add(time.Hour)
	b := model.Built{URN: "u", Attrs: json.RawMessage(`{"a":1,"b":1}`), Held: []string{"b"}}
	r := model.Resource{URN: "u", Type: "x", Attrs: json.RawMessage(`{"a":2,"b":2}`)}
	got := ReadBack(b, r, at)
	if string(got.Attrs) != `{"a":2,"b":1}` || got.Held != nil || !got.ReadAt.Equal(at) {
		t.Errorf("%+v %s", got, got.Attrs)
	}
	if st := (Input{Rules: ruled(t), Running: running(r)}).Standing(r, got); !st.Settled || len(st.Drifted) != 1 || st.Drifted[0].Path != "b" {
		t.Errorf("%+v", st)
	}
}

// An object that was read whole has not drifted from a record of parts of it, but in
// those.
func TestAWholeObjectAgainstARecord(t *testing.T) {
	r := model.Resource{URN: "k8s://c/rbac.authorization.k8s.io/Role/n/r", Type: "rbac.authorization.k8s.io/Role",
		Attrs: json.RawMessage(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r","uid":"u"},"rules":[{"verbs":["get"]}]}`)}
	b := model.Built{URN: r.URN, Type: r.Type, At: day, ReadAt: day.Add(time.Second), Attrs: json.RawMessage(`{"metadata":{"resourceVersion":"1"},"rules":[{"verbs":["get"]}]}`)}
	in := Input{Rules: ruled(t), Running: running(r)}
	if st := in.Standing(r, b); len(st.Drifted) != 0 {
		t.Errorf("%+v", st)
	}
	b.Attrs = json.RawMessage(`{"metadata":{},"rules":[]}`)
	if st := in.Standing(r, b); len(st.Drifted) != 1 || st.Drifted[0].Path != "rules" {
		t.Errorf("%+v", st)
	}
}

// A call that sets none of the fields that it is known to set does something else, and it
// is not told what; those it leaves as they are.
func TestACallThatSetsNothingKnownIsNotTold(t *testing.T) {
	r := model.Resource{Type: "ec2:instance", Attrs: json.RawMessage(`{"InstanceType":"a","SecurityGroups":[{"GroupId":"sg-1"}]}`)}
	effect := func(params string) Effect {
		return EffectOf(rules(t), model.Action{Platform: "aws", Service: "ec2", Operation: "ModifyInstanceAttribute", Verb: model.Update, Fidelity: model.Exact, Params: json.RawMessage(params)}, r.Type)
	}
	groups := effect(`{"Groups":["sg-2"]}`)
	if touch := groups.On(r, "SecurityGroups"); touch.Told || !touch.Changed {
		t.Errorf("%+v", touch)
	}
	if touch := groups.On(r, "InstanceType"); !touch.Told || touch.Changed {
		t.Errorf("%+v", touch)
	}
	if touch := effect(`{"InstanceType":{"Value":"b"}}`).On(r, "SecurityGroups"); !touch.Told || touch.Changed {
		t.Errorf("%+v", touch)
	}
}
