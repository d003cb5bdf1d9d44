package collect

import (
	"errors"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// disk fails from the second batch on.
type disk struct {
	saved []model.Observation
	calls int
}

func (d *disk) Put(o []model.Observation) error {
	if d.calls++; d.calls > 1 {
		return errors.New("no space left")
	}
	d.saved = append(d.saved, o...)
	return nil
}

func TestLearningGoesOnWithoutADisk(t *testing.T) {
	g, d := graph.New(graph.Config{}), &disk{}
	var told []error
	p := NewPassing(Config{Graph: g, Saver: d, OnSaveError: func(err error) { told = append(told, err) }})
	at := time.Unix(7, 0).UTC()
	for _, urn := range []model.URN{"a", "b", "c"} {
		p.Learn([]model.Observation{{Resource: model.Resource{URN: urn}}}, "ec2:DescribeInstances", at)
	}
	p.Learn([]model.Observation{{Gone: true, Resource: model.Resource{URN: "c"}}}, "ec2:TerminateInstances", at)
	p.Learn(nil, "", at)
	c := p.Counts()
	if c.Seen != 3 || c.Gone != 1 || c.Changes != 4 || c.Unsaved != 3 || len(told) != 1 || len(d.saved) != 1 {
		t.Errorf("%+v, told %v, saved %v", c, told, d.saved)
	}
	r, ok := g.Snapshot().Resource("b")
	if !ok || !r.SeenAt.Equal(at) || r.Source != "ec2:DescribeInstances" {
		t.Errorf("%+v", r)
	}
	if c.Version != g.Snapshot().Version() {
		t.Error("the counts name another version")
	}
}
