package docs

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
)

// picture draws what a page is about: its resources and their neighbours where they
// are few, else its types.
func (a *atlas) picture(b *bytes.Buffer, s subject, mine map[model.URN]bool) {
	name := func(u model.URN) (node, boxed string, ok bool) { return string(u), radius.Short(u), true }
	near := map[model.URN]bool{}
	maps.Copy(near, mine)
	out, in := a.crossing(s, mine)
	for _, r := range out {
		near[r.To] = true
	}
	for _, r := range in {
		near[r.From] = true
	}
	if len(near) > maxNodes {
		name = func(u model.URN) (string, string, bool) {
			r, ok := a.in.Snapshot.Resource(u)
			return r.Type, r.Type, ok
		}
	}
	nodes, edges := map[string]string{}, map[[3]string]int{}
	link := func(r model.Relation) {
		from, fromLabel, ok1 := name(r.From)
		to, toLabel, ok2 := name(r.To)
		if !ok1 || !ok2 || from == to {
			return
		}
		nodes[from], nodes[to] = fromLabel, toLabel
		edges[[3]string{from, to, r.Type}]++
	}
	for _, r := range s.members {
		for _, d := range a.in.Snapshot.Dependencies(r.URN) {
			link(d)
		}
	}
	for _, r := range in {
		link(r)
	}
	if len(edges) == 0 {
		return
	}
	draw(b, nodes, edges)
}

// draw writes the busiest lines first, as long as there is room, and then in order.
func draw(b *bytes.Buffer, nodes map[string]string, edges map[[3]string]int) {
	all := slices.SortedFunc(maps.Keys(edges), func(x, y [3]string) int {
		return cmp.Or(-cmp.Compare(edges[x], edges[y]), slices.Compare(x[:], y[:]))
	})
	shown := map[string]bool{}
	var kept [][3]string
	for _, e := range all {
		more := 0
		for _, n := range e[:2] {
			if !shown[n] {
				more++
			}
		}
		if len(shown)+more > maxNodes || len(kept) == maxEdges {
			continue
		}
		shown[e[0]], shown[e[1]] = true, true
		kept = append(kept, e)
	}
	slices.SortFunc(kept, func(x, y [3]string) int { return slices.Compare(x[:], y[:]) })
	ids := map[string]string{}
	b.WriteString("```mermaid\nflowchart LR\n")
	for i, n := range slices.Sorted(maps.Keys(shown)) {
		ids[n] = fmt.Sprintf("n%d", i)
		fmt.Fprintf(b, "  %s[\"%s\"]\n", ids[n], label(nodes[n]))
	}
	for _, e := range kept {
		text := label(e[2])
		if n := edges[e]; n > 1 {
			text = fmt.Sprintf("%s ×%d", text, n)
		}
		fmt.Fprintf(b, "  %s -->|\"%s\"| %s\n", ids[e[0]], text, ids[e[1]])
	}
	b.WriteString("```\n\n")
	if left := len(all) - len(kept); left > 0 {
		fmt.Fprintf(b, "%d more lines are not drawn\n\n", left)
	}
}
