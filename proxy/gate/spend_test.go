package gate

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/budget"
	"github.com/assent-iom/assent/proxy"
)

// purse is a budget in memory that is enough for so many.
type purse struct {
	left  int
	err   error
	ways  []budget.Way
	given []string
}

func (p *purse) Use(_ context.Context, d policy.Decision, way budget.Way) ([]budget.Over, error) {
	p.ways = append(p.ways, way)
	if p.err != nil {
		return nil, p.err
	}
	if p.left--; p.left < 0 {
		return []budget.Over{{Budget: d.Budgets[0], SpentDeletes: 3}}, nil
	}
	return nil, nil
}

func (p *purse) GiveBack(_ context.Context, decision string) error {
	p.given = append(p.given, decision)
	return nil
}

func spending(t *testing.T, mode policy.Mode, b Budgets, log *book) *Gate {
	t.Helper()
	most := 3
	g := newGate(t, mode, decider(func(model.Action) policy.Decision {
		return policy.Decision{Verdict: policy.Allow, Grant: "shop/x", Budgets: []policy.Budget{{Key: "environment/shop", Per: 3600e9, Deletes: 1, MaxDeletes: &most, Owner: "platform"}}}
	}), log)
	g.cfg.Budgets = b
	g.cfg.Message = func(d policy.Decision) string { f, _ := d.First(); return f.Why }
	return g
}

func TestABudgetThatIsUsedUpRefuses(t *testing.T) {
	p, b := &purse{left: 1}, &book{}
	g := spending(t, policy.Enforce, p, b)
	if first := g.Judge(t.Context(), deletion()); first.Refusal != nil {
		t.Fatalf("%+v", first.Refusal)
	}
	second := g.Judge(t.Context(), deletion())
	want := "environment shop allows 3 deletes in 1h: 3 were made, and this makes 1 more"
	if second.Refusal == nil || second.Refusal.Message != want || !strings.Contains(string(b.entries[1].Statement), "AS2011") {
		t.Errorf("%+v", second.Refusal)
	}
	if observed := spending(t, policy.Observe, p, &book{}).Judge(t.Context(), deletion()); observed.Refusal != nil || p.ways[2] != budget.Count {
		t.Errorf("observing: %+v, %v", observed.Refusal, p.ways)
	}
}

func TestAnActionThatWasNotCarriedOutIsGivenBack(t *testing.T) {
	for result, want := range map[string]int{ledger.Succeeded: 0, ledger.Unresolved: 0, ledger.Failed: 1, ledger.NotForwarded: 1} {
		p := &purse{left: 9}
		permit := spending(t, policy.Enforce, p, &book{}).Judge(t.Context(), deletion())
		if err := permit.Close(t.Context(), proxy.Answered{Result: result}); err != nil {
			t.Fatal(err)
		}
		if len(p.given) != want {
			t.Errorf("%s: given back %d times", result, len(p.given))
		}
	}
	p := &purse{left: 9}
	if permit := spending(t, policy.Enforce, p, &book{broken: errors.New("disk full")}).Judge(t.Context(), deletion()); permit.Refusal == nil || len(p.given) != 1 {
		t.Errorf("not recorded, and given back %d times", len(p.given))
	}
}

func TestABudgetThatCannotBeCountedFailsClosed(t *testing.T) {
	for _, b := range []Budgets{nil, &purse{err: errors.New("disk full")}} {
		log := &book{}
		if p := spending(t, policy.Enforce, b, log).Judge(t.Context(), deletion()); p.Refusal == nil || !strings.Contains(string(log.entries[0].Statement), "AS5001") {
			t.Errorf("%+v", p)
		}
		if p := spending(t, policy.Observe, b, &book{}).Judge(t.Context(), deletion()); p.Refusal != nil {
			t.Errorf("observing: %+v", p.Refusal)
		}
	}
}
