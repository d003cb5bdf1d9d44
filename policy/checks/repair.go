package checks

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/vocab"
)

// Repairs that a machine can apply, in portable words: a decoder says them in the
// call's own terms (decoders.Mender).

// wanted says what a property has to be so that it conforms; nil where only a
// person can choose it (a key, a name, a member that has to be there).
func wanted(c intent.Condition, forbidden bool) *model.Want {
	w := &model.Want{Property: c.Property}
	p, _ := vocab.Find(c.Property)
	switch {
	case c.Known:
		return nil
	case c.Is != nil:
		if b, ok := c.Is.(bool); ok {
			w.Is = b != forbidden
			return w
		}
		if text, isText := c.Is.(string); forbidden || isText && strings.Contains(text, "*") {
			return nil
		}
		w.Is = c.Is
	case c.Any:
		if !forbidden {
			return nil
		}
		w.Empty = true
	case c.From != "" || len(c.Ports) > 0:
		if !forbidden {
			return nil
		}
		w.From, w.Ports = c.From, c.Ports
	case c.Min != "" || c.Max != "":
		return bounded(w, c, p, forbidden)
	case len(c.In) > 0:
		if w.Only = c.In; forbidden {
			w.Only, w.Without = nil, c.In
		}
	case len(c.Has) > 0:
		if !forbidden {
			return nil
		}
		w.Without = c.Has
	default:
		return nil
	}
	return w
}

// bounded is a want of a number, or of the words of an ordered enum.
func bounded(w *model.Want, c intent.Condition, p vocab.Property, forbidden bool) *model.Want {
	if forbidden && c.Min != "" && c.Max != "" {
		return nil
	}
	low, high := math.MinInt, math.MaxInt
	rank := p.Rank
	if !p.Ordered {
		rank = func(word string) int { n, _ := strconv.Atoi(word); return n } // reading the document has checked it
	}
	if c.Min != "" {
		if low = rank(c.Min); forbidden {
			low, high = math.MinInt, low-1
		}
	}
	if c.Max != "" {
		if high = rank(c.Max); forbidden {
			low, high = high+1, math.MaxInt
		}
	}
	if p.Ordered {
		low, high = max(low, 0), min(high, len(p.Words)-1)
		if low > high {
			return nil
		}
		w.Only = p.Words[low : high+1]
		return w
	}
	if n := int64(low); low != math.MinInt {
		w.Least = &n
	}
	if n := int64(high); high != math.MaxInt {
		w.Most = &n
	}
	return w
}

// setting is the repair of a property that is not as a condition wants it.
func setting(c intent.Condition, forbidden bool, l *leaf) *model.Repair {
	w := wanted(c, forbidden)
	if w == nil {
		return nil
	}
	return &model.Repair{Kind: model.RepairSet, Part: l.path, Want: w}
}

// asking is the repair that is somebody's word.
func (h *hearing) asking(declare string) *model.Repair {
	return &model.Repair{Kind: model.RepairAsk, Who: h.ask(), Declare: declare}
}

// waiting is the repair that time is; nil where it never comes.
func waiting(until time.Time) *model.Repair {
	if until.IsZero() {
		return nil
	}
	until = until.UTC()
	return &model.Repair{Kind: model.RepairWait, Until: &until}
}

// narrowing leaves one target out of several; nil for the only one.
func narrowing(l *leaf, t *thing) *model.Repair {
	if !slices.ContainsFunc(l.changed, func(other *thing) bool { return other.urn != t.urn }) {
		return nil
	}
	return &model.Repair{Kind: model.RepairNarrow, Part: l.path, Drop: []model.URN{t.urn}}
}

// unmetMust is the repair of a clause that would grant a change but for what it
// has to be.
func (h *hearing) unmetMust(g *grant, unmet string, l *leaf) *model.Repair {
	name, isMust := strings.CutPrefix(unmet, "must.")
	if g == nil || !isMust {
		return nil
	}
	for _, c := range g.Must {
		if c.Property == name && meets(c, said(l, name)) != yes {
			return setting(c, false, l)
		}
	}
	return nil
}
