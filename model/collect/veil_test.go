package collect

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// Secrets are never stored: what is learnt is in the model, and on the disk, under the
// name that stands for one, and who asks by the name as it was is answered.
func TestLaw8NothingIsLearntWithASecretInItsName(t *testing.T) {
	v := model.NewVeil([]byte("salt"))
	g, d := graph.New(graph.Config{Veil: v}), &disk{}
	raw := model.URN("arn:aws:s3:::b/ghp_Hush0123456789abcdef")
	NewPassing(Config{Graph: g, Saver: d, Veil: v}).Learn([]model.Observation{{Resource: model.Resource{URN: raw, Tags: map[string]string{"password=Hush0123": "x"}}}}, "s3", time.Unix(7, 0))
	r, ok := g.Snapshot().Resource(raw)
	if !ok || strings.Contains(string(r.URN), "Hush") || !model.Commits(string(r.URN)) || len(r.Tags) != 1 {
		t.Errorf("%v %+v", ok, r)
	}
	if o := d.saved[0].Resource; o.URN != r.URN || o.Tags["password=Hush0123"] != "" {
		t.Errorf("%+v", o)
	}
	if _, ok := g.Snapshot().Resource("arn:aws:s3:::b/ghp_Hush0123456789abcdeF"); ok {
		t.Error("another key is the same thing")
	}
}
