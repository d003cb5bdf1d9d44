package store

import (
	"reflect"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// A list of what is tagged says something of what nobody has read, and nothing of what
// its own service has spoken of; in the graph as on disk.
func TestTagsAloneSayNothingOfWhatWasRead(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0).UTC() }
	read := model.Resource{URN: "arn:aws:glue:us-east-1:123456789012:job/j", Type: "glue:job", Tags: map[string]string{"team": "new"}, Attrs: []byte(`{"Role":"r"}`), SeenAt: at(1), Source: "collect"}
	tagged := model.Resource{URN: read.URN, Type: "glue:job", Tags: map[string]string{"team": "old"}, SeenAt: at(2), Source: model.SourceTags}
	again := tagged
	again.Tags, again.SeenAt = map[string]string{"owner": "x"}, at(3)
	for name, c := range map[string]struct {
		seen []model.Resource
		want model.Resource
	}{
		"tags alone":       {[]model.Resource{tagged}, tagged},
		"tags, then other": {[]model.Resource{tagged, again}, again},
		"read before":      {[]model.Resource{read, tagged}, read},
		"read after": {[]model.Resource{again, read}, model.Resource{URN: read.URN, Type: read.Type, Tags: read.Tags, Attrs: read.Attrs,
			SeenAt: at(3), Source: "collect"}},
	} {
		g := graph.New(graph.Config{})
		var stored model.Resource
		for i, r := range c.seen {
			o := model.Observation{Resource: r, Whole: true}
			g.Apply([]model.Observation{o})
			if stored = Merge(stored, o); i == 0 {
				stored.URN = r.URN
			}
		}
		got, _ := g.Snapshot().Resource(read.URN)
		if len(got.Aliases) == 0 {
			got.Aliases = nil
		}
		if len(got.Attrs) == 0 {
			got.Attrs = nil
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s, graph: %+v, want %+v", name, got, c.want)
		}
		if !reflect.DeepEqual(stored, c.want) {
			t.Errorf("%s, store: %+v, want %+v", name, stored, c.want)
		}
		if got.Sketch() != (name == "tags alone" || name == "tags, then other") {
			t.Errorf("%s: a sketch: %t", name, got.Sketch())
		}
	}
}
