package reconcile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func rules(t testing.TB) *Rules {
	t.Helper()
	r, err := ReadRules()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func res(urn, kind, attrs string) model.Resource {
	return model.Resource{URN: model.URN(urn), Platform: "aws", Type: kind, Attrs: json.RawMessage(attrs), SeenAt: day.Add(time.Hour)}
}

func as(urn, kind, attrs string) model.Built {
	return model.Built{URN: model.URN(urn), Type: kind, At: day, Actor: "human:ann", Attrs: json.RawMessage(attrs), ReadAt: day.Add(time.Minute)}
}

func running(all ...model.Resource) model.Snapshot {
	g := graph.New(graph.Config{})
	for _, r := range all {
		g.Apply([]model.Observation{{Resource: r, Whole: true}})
	}
	return g.Snapshot()
}

// one is how a single resource stands.
func one(t *testing.T, in Input, urn string) Status {
	t.Helper()
	in.Rules = rules(t)
	if in.Now.IsZero() {
		in.Now = day.Add(2 * time.Hour)
	}
	for _, s := range Run(in) {
		if s.URN == model.URN(urn) {
			return s
		}
	}
	t.Fatalf("%s is not spoken of", urn)
	return Status{}
}

func TestStates(t *testing.T) {
	const queue = "arn:aws:sqs:us-east-1:111122223333:q"
	open, shut := `{"Open":true}`, `{"Open":false}`
	claim := Claim{URN: queue, Path: "Open", Value: json.RawMessage("false"), Owner: "team", Source: "queues.yaml:3"}
	late := claim
	late.Since = day.Add(time.Minute)
	unread := as(queue, "sqs:queue", "")
	unread.ReadAt = time.Time{}
	again := as(queue, "sqs:queue", open)
	again.At = day.Add(time.Hour)
	for name, c := range map[string]struct {
		in   Input
		want State
	}{
		"as built":                            {Input{Running: running(res(queue, "sqs:queue", open)), Built: []model.Built{as(queue, "sqs:queue", open)}}, Aligned},
		"as built and declared":               {Input{Running: running(res(queue, "sqs:queue", shut)), Built: []model.Built{as(queue, "sqs:queue", shut)}, Claims: []Claim{claim}}, Aligned},
		"as declared, and nobody built it":    {Input{Running: running(res(queue, "sqs:queue", shut)), Claims: []Claim{claim}}, Aligned},
		"declared since it was built":         {Input{Running: running(res(queue, "sqs:queue", open)), Built: []model.Built{as(queue, "sqs:queue", open)}, Claims: []Claim{late}}, Pending},
		"changed by somebody":                 {Input{Running: running(res(queue, "sqs:queue", open)), Built: []model.Built{as(queue, "sqs:queue", shut)}}, Drifted},
		"changed to what is declared":         {Input{Running: running(res(queue, "sqs:queue", shut)), Built: []model.Built{as(queue, "sqs:queue", open)}, Claims: []Claim{claim}}, Drifted},
		"not as declared":                     {Input{Running: running(res(queue, "sqs:queue", open)), Built: []model.Built{as(queue, "sqs:queue", open)}, Claims: []Claim{claim}}, Violating},
		"changed, and not as declared":        {Input{Running: running(res(queue, "sqs:queue", open)), Built: []model.Built{as(queue, "sqs:queue", shut)}, Claims: []Claim{claim}}, Violating},
		"nobody's":                            {Input{Running: running(res(queue, "sqs:queue", open))}, Unmanaged},
		"built and gone":                      {Input{Running: running(), Built: []model.Built{as(queue, "sqs:queue", open)}}, Ghost},
		"built, gone or never there":          {Input{Running: running(), Built: []model.Built{unread}}, Unknown},
		"declared and not there":              {Input{Running: running(), Claims: []Claim{claim}}, Unbuilt},
		"not read since it was built":         {Input{Running: running(res(queue, "sqs:queue", open)), Built: []model.Built{unread}}, Unknown},
		"not read since it was changed again": {Input{Running: running(res(queue, "sqs:queue", shut)), Built: []model.Built{again}}, Unknown},
		"not read for too long":               {Input{Running: running(res(queue, "sqs:queue", open)), Built: []model.Built{as(queue, "sqs:queue", shut)}, Stale: time.Minute}, Unknown},
	} {
		if got := one(t, c.in, queue); got.State != c.want {
			t.Errorf("%s: %s (%s), want %s", name, got.State, got.Why, c.want)
		}
	}
}

// What is no difference, and what is one.
func TestDifferences(t *testing.T) {
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["a:B","a:C"],"Resource":"*"}]}`
	quoted := func(s string) string { return string(must(json.Marshal(s))) }
	for name, c := range map[string]struct {
		kind, was, now string
		want           []string // paths
	}{
		"the order of keys":            {"sqs:queue", `{"A":1,"B":2}`, `{"B":2,"A":1}`, nil},
		"the order of a set":           {"ec2:instance", `{"G":["a","b"]}`, `{"G":["b","a"]}`, nil},
		"an empty list":                {"ec2:vpc", `{"A":[]}`, `{}`, nil},
		"one more in a set":            {"ec2:instance", `{"G":["a"]}`, `{"G":["a","a"]}`, []string{"G"}},
		"the order of a command":       {"ecs:task-definition", `{"containerDefinitions":[{"name":"a","command":["x","y"]}]}`, `{"containerDefinitions":[{"name":"a","command":["y","x"]}]}`, []string{"containerDefinitions[a].command"}},
		"an item by its name":          {"ecs:task-definition", `{"c":[{"name":"a","m":1},{"name":"b","m":1}]}`, `{"c":[{"name":"b","m":1},{"name":"a","m":2}]}`, []string{"c[a].m"}},
		"an item more":                 {"ecs:task-definition", `{"c":[{"name":"a"}]}`, `{"c":[{"name":"a"},{"name":"b"}]}`, []string{"c[b]"}},
		"a rule in a group":            {"ec2:security-group", `{"IpPermissions":[{"FromPort":80}]}`, `{"IpPermissions":[{"FromPort":80},{"FromPort":22}]}`, []string{"IpPermissions"}},
		"a policy in another spelling": {"sqs:queue", `{"P":` + quoted(policy) + `}`, `{"P":` + quoted(`{"Statement":{"Resource":["*"],"Action":["a:C","a:B"],"Effect":"Allow"},"Version":"2012-10-17"}`) + `}`, nil},
		"a policy in a URL's spelling": {"iam:policy", `{"Document":` + quoted(policy) + `}`, `{"Document":"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%5B%22a%3AB%22%2C%22a%3AC%22%5D%2C%22Resource%22%3A%22%2A%22%7D%5D%7D"}`, nil},
		"a policy that says more":      {"sqs:queue", `{"P":` + quoted(policy) + `}`, `{"P":` + quoted(strings.Replace(policy, "a:B", "a:*", 1)) + `}`, []string{"P.Statement.Action"}},
		"a clock":                      {"lambda:function", `{"LastModified":"a","M":1}`, `{"LastModified":"b","M":1}`, nil},
		"a clock and more":             {"lambda:function", `{"LastModified":"a","M":1}`, `{"LastModified":"b","M":2}`, []string{"M"}},
		"a clock deep in a set":        {"ec2:instance", `{"N":[{"AttachTime":"a","X":[1]}]}`, `{"N":[{"AttachTime":"b","X":[1]}]}`, nil},
		"a field that nobody knows":    {"new:thing", `{}`, `{"Backdoor":true}`, []string{"Backdoor"}},
		"a type that changes":          {"new:thing", `{"A":{"B":1}}`, `{"A":"x"}`, []string{"A"}},
		"a number's spelling":          {"new:thing", `{"A":1.0}`, `{"A":1.00}`, nil},
		"something in place of null":   {"new:thing", `{"A":null}`, `{"A":false}`, []string{"A"}},
	} {
		var got []string
		for _, d := range diff(rules(t), c.kind, parse(json.RawMessage(c.was)), parse(json.RawMessage(c.now))) {
			got = append(got, d.path)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A field that belongs to a controller is its own, where the controller is there:
// and the same change is drift where it is not.
func TestWhatAControllerOwnsIsItsOwn(t *testing.T) {
	const deployment, hpa = "k8s://prod/apps/Deployment/shop/web", "k8s://prod/autoscaling/HorizontalPodAutoscaler/shop/web"
	kube := func(urn, kind, attrs string) model.Resource {
		r := res(urn, kind, attrs)
		r.Platform, r.Account, r.Region, r.Name = "kubernetes", "prod", "shop", "web"
		return r
	}
	web := kube(deployment, "apps/Deployment", `{"spec":{"replicas":5}}`)
	scaler := kube(hpa, "autoscaling/HorizontalPodAutoscaler", `{"spec":{"scaleTarget":"`+deployment+`"}}`)
	built := []model.Built{as(deployment, "apps/Deployment", `{"spec":{"replicas":2}}`)}
	s := one(t, Input{Running: running(web, scaler), Built: built}, deployment)
	if s.State != Aligned || len(s.Fields) != 1 || s.Fields[0].State != Theirs || s.Fields[0].Of != hpa {
		t.Errorf("with an autoscaler: %+v", s)
	}
	if s := one(t, Input{Running: running(web), Built: built}, deployment); s.State != Drifted || s.Fields[0].Path != "spec.replicas" {
		t.Errorf("without one: %+v", s)
	}
	const group = "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:1:autoScalingGroupName/web"
	s = one(t, Input{Running: running(res(group, "autoscaling:autoScalingGroup", `{"DesiredCapacity":3,"Instances":[{"InstanceId":"i-1"}],"MaxSize":4}`)),
		Built: []model.Built{as(group, "autoscaling:autoScalingGroup", `{"DesiredCapacity":1,"MaxSize":4}`)}}, group)
	if s.State != Aligned || len(s.Fields) != 2 {
		t.Errorf("a scaling group: %+v", s)
	}
	s = one(t, Input{Running: running(res(group, "autoscaling:autoScalingGroup", `{"DesiredCapacity":3,"MaxSize":40}`)),
		Built: []model.Built{as(group, "autoscaling:autoScalingGroup", `{"DesiredCapacity":1,"MaxSize":4}`)}}, group)
	if s.State != Drifted {
		t.Errorf("its bounds are not its own: %+v", s)
	}
}

// Whoever an event names is named, and nobody else: a queue and a table may be
// called alike.
func TestAChangeIsNamedWithItsActor(t *testing.T) {
	const queue = "arn:aws:sqs:us-east-1:111122223333:orders"
	in := Input{Running: running(res(queue, "sqs:queue", `{"V":2}`)), Built: []model.Built{as(queue, "sqs:queue", `{"V":1}`)}, Events: []Event{
		{At: day.Add(3 * time.Minute), Actor: "late", Service: "sqs", Name: "sqs:SetQueueAttributes", Names: []string{"https://sqs.us-east-1.amazonaws.com/111122223333/orders"}},
		{At: day.Add(2 * time.Minute), Actor: "early", Service: "sqs", Name: "sqs:TagQueue", Names: []string{queue}},
		{At: day.Add(2 * time.Minute), Actor: "table", Service: "dynamodb", Name: "dynamodb:UpdateTable", Names: []string{"orders"}},
		{At: day.Add(2 * time.Minute), Actor: "other", Service: "sqs", Name: "sqs:SetQueueAttributes", Names: []string{"https://sqs.us-east-1.amazonaws.com/111122223333/preorders"}},
		{At: day.Add(-time.Hour), Actor: "before", Service: "sqs", Name: "sqs:SetQueueAttributes", Names: []string{queue}},
	}}
	s := one(t, in, queue)
	if len(s.By) != 2 || s.By[0].Actor != "early" || s.By[1].Actor != "late" {
		t.Errorf("%+v", s.By)
	}
}

// A rule that hides a field says whose it is, and every row is read.
func TestRules(t *testing.T) {
	if n := len(rules(t).rows); n < 90 {
		t.Errorf("only %d rows", n)
	}
	for _, bad := range []string{"a\tb\ttheirs\t", "a\tb\tcomputed\twho", "a\tb\tnothing\t", "a\tb\tcritical"} {
		if _, err := parseRules(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	r := rules(t)
	for _, c := range []struct {
		kind, path string
		critical   bool
	}{
		{"ec2:security-group", "IpPermissions", true}, {"s3:bucket", "bucketpolicy", true}, {"rds:db", "PubliclyAccessible", true}, {"iam:role", "AssumeRolePolicyDocument", true},
		{"s3:bucket", "bucketencryption.ServerSideEncryptionConfiguration.Rules", true}, {"ec2:instance", "InstanceType", false}, {"sqs:queue", "tags.team", false},
	} {
		if got := r.is(critical, c.kind, c.path); got != c.critical {
			t.Errorf("%s %s: critical %v", c.kind, c.path, got)
		}
		if r.is(computed, c.kind, c.path) {
			t.Errorf("%s %s is hidden", c.kind, c.path)
		}
	}
}

// What could not be named when it was made is settled by the rest of its name, if
// that is one's alone.
func TestSettle(t *testing.T) {
	const group = "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:%s:autoScalingGroupName/web"
	at := func(r model.Resource) time.Time { return r.SeenAt }
	open := model.Built{URN: model.URN(fmt.Sprintf(group, "*")), Type: "autoscaling:autoScalingGroup", At: day}
	first, second := res(fmt.Sprintf(group, "1"), open.Type, `{"A":1}`), res(fmt.Sprintf(group, "2"), open.Type, `{"A":1}`)
	settled, renamed := Settle([]model.Built{open}, running(first), at)
	if len(settled) != 1 || settled[0].URN != first.URN || !settled[0].Settled() || len(renamed) != 1 || renamed[0] != open.URN {
		t.Errorf("%+v %v", settled, renamed)
	}
	if settled, renamed = Settle([]model.Built{open}, running(first, second), at); len(settled)+len(renamed) != 0 {
		t.Errorf("one of two: %+v %v", settled, renamed)
	}
	early := first
	early.SeenAt = day.Add(-time.Hour)
	plain := model.Built{URN: first.URN, Type: open.Type, At: day}
	if settled, _ = Settle([]model.Built{plain}, running(early), at); len(settled) != 0 {
		t.Errorf("what was read before the change: %+v", settled)
	}
}

func FuzzDiff(f *testing.F) {
	f.Add([]byte(`{"a":[{"name":"x","b":{"Statement":[1]}}]}`), []byte(`{"a":[{"name":"x"},{"name":"y"}]}`), "a[x].b")
	f.Add([]byte(`{"a":"{\"b\":[1,2]}"}`), []byte(`{"a":"%7B%7D"}`), "a.b")
	r, err := ReadRules()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, was, now []byte, path string) {
		a, b := parse(was), parse(now)
		lookup(a, path)
		plainPath(path)
		if found := diff(r, "t", a, a); len(found) != 0 {
			t.Errorf("%s differs from itself: %+v", was, found)
		}
		there, back := diff(r, "t", a, b), diff(r, "t", b, a)
		if len(there) != len(back) {
			t.Errorf("%d one way, %d the other", len(there), len(back))
		}
	})
}

// What a collector never keeps of a pod's template is no drift, once somebody has read
// the object whole; what it keeps is.
func TestWhatACollectorDoesNotKeepIsNoDrift(t *testing.T) {
	rules, err := ReadRules()
	if err != nil {
		t.Fatal(err)
	}
	const urn = model.URN("k8s://c/apps/Deployment/n/web")
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	slim := `{"spec":{"replicas":1,"selector":{"app":"web"},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"env":[]}]}}}}`
	whole := func(replicas, app string) string {
		return `{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":` + replicas + `,"selector":{"app":"web"},"strategy":{},"template":{"metadata":{"labels":{"app":"` + app + `"},"annotations":{"a":"b"}},"spec":{"dnsPolicy":"ClusterFirst","containers":[{"name":"web","image":"x"}]}}}}`
	}
	for name, c := range map[string]struct{ was, now, want string }{
		"built in parts":              {slim, whole("1", "web"), ""},
		"built whole":                 {whole("1", "web"), slim, ""},
		"built in parts, and scaled":  {slim, whole("2", "web"), "spec.replicas"},
		"built in parts, and changed": {slim, whole("1", "other"), "spec.template.metadata.labels.app"},
	} {
		st := Input{Rules: rules, Running: graph.New(graph.Config{}).Snapshot()}.Standing(model.Resource{URN: urn, Type: "apps/Deployment", Attrs: json.RawMessage(c.now)},
			model.Built{URN: urn, Type: "apps/Deployment", At: day, ReadAt: day, Attrs: json.RawMessage(c.was)})
		var got []string
		for _, d := range st.Drifted {
			got = append(got, d.Path)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
}
