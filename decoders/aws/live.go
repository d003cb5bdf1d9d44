package aws

import (
	"context"
	_ "embed"
	"encoding/json"
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/identify"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// Overrides is overrides.yaml: what a newer table is compiled with too.
//
//go:embed overrides.yaml
var Overrides []byte

// Live is a Decoder whose table can be replaced while it runs. Each call is read
// by one table from start to end, and its action names that table.
type Live struct {
	current atomic.Pointer[Decoder]
}

var (
	_ decoders.Decoder     = (*Live)(nil)
	_ decoders.Transparent = (*Live)(nil)
	_ decoders.Mender      = (*Live)(nil)
)

// NewLive makes a decoder that starts with a table.
func NewLive(t *table.Table) (*Live, error) {
	d, err := NewWith(t)
	if err != nil {
		return nil, err
	}
	l := new(Live)
	l.current.Store(d)
	return l, nil
}

// Swap puts another table in the place of the running one. What was learned from
// calls so far stays. Calls that are being read finish with the old one. Only one
// goroutine may swap at a time.
func (l *Live) Swap(t *table.Table) { l.current.Store(l.current.Load().over(t)) }

// Table is the running table.
func (l *Live) Table() *table.Table { return l.current.Load().table }

// Name returns aws.
func (l *Live) Name() string { return Name }

// Claims is Decoder's.
func (l *Live) Claims(c decoders.Call) decoders.Claim { return l.current.Load().Claims(c) }

// Decode is Decoder's.
func (l *Live) Decode(ctx context.Context, c decoders.Call) (model.Action, error) {
	return l.current.Load().Decode(ctx, c)
}

// DecodeWithSecrets is Decoder's.
func (l *Live) DecodeWithSecrets(ctx context.Context, c decoders.Call) (model.Action, error) {
	return l.current.Load().DecodeWithSecrets(ctx, c)
}

// Learn is Decoder's.
func (l *Live) Learn(c decoders.Call, r *decoders.Response) []model.Observation {
	return l.current.Load().Learn(c, r)
}

// Refuse is Decoder's.
func (l *Live) Refuse(c decoders.Call, r decoders.Refusal) *http.Response {
	return l.current.Load().Refuse(c, r)
}

// Mend is Decoder's.
func (l *Live) Mend(a model.Action, repairs []model.Repair) []model.Repair {
	return l.current.Load().Mend(a, repairs)
}

// Mended is Decoder's.
func (l *Live) Mended(a model.Action, patches []model.Patch) (json.RawMessage, error) {
	return l.current.Load().Mended(a, patches)
}

// over is the same decoder over another table.
func (d *Decoder) over(t *table.Table) *Decoder {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Decoder{table: t, identifier: identify.New(t), capabilities: d.capabilities, nested: d.nested, properties: d.properties,
		templates: d.templates, memory: d.memory, hand: d.hand, version: madeWith(t), accounts: maps.Clone(d.accounts)}
}

// madeWith is what an action's Decoder says: name, version, the table's hash.
func madeWith(t *table.Table) string { return Name + " 1 " + t.Hash() }
