package radius

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
)

// standing is a snapshot in which some things have drifted.
type drifting struct {
	model.Snapshot
	drifted map[model.URN][]model.Deviation
}

func (d drifting) Standing(u model.URN) model.Standing {
	return model.Standing{URN: u, Built: true, Settled: true, Drifted: d.drifted[u]}
}

// A plan is good for what it was made on: what was changed since, by way of the proxy or
// past it, makes it stale.
func TestAPlanGoesStale(t *testing.T) {
	at := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	s := world(t, thing{id: "ec2:instance i"}, thing{id: "ec2:instance other"}).Snapshot()
	one := func(actions, before string) string {
		return fmt.Sprintf(`{"format_version":"1.2","timestamp":%q,"resource_changes":[{"address":"aws_instance.web","mode":"managed","type":"aws_instance","change":{"actions":[%s],"before":{"arn":"x://a/i",%s}}}]}`,
			at.Format(time.RFC3339), actions, before)
	}
	small := `"instance_type":"t3.small","tags_all":{"team":"shop"}`
	size := model.Deviation{Path: "InstanceType", Was: "t3.small", Now: "t3.large"}
	team := model.Deviation{Path: "tags.team", Was: "shop"}
	for name, c := range map[string]struct {
		plan    string
		built   time.Time
		drifted []model.Deviation
		want    string
	}{
		"as it was":                     {one(`"update"`, small), at.Add(-time.Hour), nil, ""},
		"changed by way of the proxy":   {one(`"update"`, small), at.Add(time.Hour), nil, "changed by dec_2 at 2026-09-01T13:00:00Z"},
		"the same, and it is only made": {one(`"create"`, small), at.Add(time.Hour), nil, ""},
		"the same, to be replaced":      {one(`"delete","create"`, small), at.Add(time.Hour), nil, "dec_2"},
		"the same, and no time":         {strings.Replace(one(`"update"`, small), `"timestamp"`, `"timestump"`, 1), at.Add(time.Hour), nil, ""},
		"changed past the proxy":        {one(`"delete"`, small), at.Add(-time.Hour), []model.Deviation{size}, "InstanceType was planned on t3.small, and somebody has made it t3.large"},
		"a tag taken away":              {one(`"update"`, small), at.Add(-time.Hour), []model.Deviation{team}, "tags.team was planned on shop, and somebody has made it nothing"},
		"drift that it was planned on":  {one(`"update"`, `"instance_type":"t3.large"`), at.Add(-time.Hour), []model.Deviation{size}, ""},
	} {
		got, err := Stale(strings.NewReader(c.plan), drifting{s, map[model.URN][]model.Deviation{urn("i"): c.drifted}}, func(u model.URN) (model.Built, bool) {
			return model.Built{URN: u, At: c.built, Decision: "dec_2", Operation: "ec2:ModifyInstanceAttribute"}, u == urn("i")
		})
		if err != nil {
			t.Fatal(err)
		}
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0].Why, c.want) || got[0].Address != "aws_instance.web" || got[0].URN != urn("i")) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := Stale(strings.NewReader("{"), s, nil); err == nil {
		t.Error("what is no plan is read")
	}
}

// FuzzStale: no plan makes it panic.
func FuzzStale(f *testing.F) {
	f.Add(planned1)
	s := planWorld()
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = Stale(strings.NewReader(text), s, func(model.URN) (model.Built, bool) { return model.Built{}, true })
	})
}
