package gate

import (
	"context"
	"strings"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
)

// objects are what the model said to a decision: with the documents, which their epoch
// has, it lets it be made again.
func (g *Gate) objects(d *policy.Decision) ([]ledger.Object, error) {
	if d.Facts == nil {
		return nil, nil
	}
	facts, err := ledger.FactsObjectOf(d.Facts.Facts())
	if err != nil {
		return nil, err
	}
	d.Basis.Facts = strings.TrimPrefix(facts.Name, ledger.FactsObject)
	if len(facts.Data) > ledger.MaxObject {
		return nil, nil
	}
	return []ledger.Object{facts}, nil
}

// epoch sees to it that the log says by what a decision was made before it has the
// decision. One that no documents were asked for has none.
func (g *Gate) epoch(ctx context.Context, b policy.Basis) error {
	if g.cfg.Epoch == nil || b.Intent == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	return g.cfg.Epoch(ctx, b)
}
