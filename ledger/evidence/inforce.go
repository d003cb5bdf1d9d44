package evidence

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
)

// InForce is a time in which a proxy judged by the same documents, by its intent-epochs.
type InForce struct {
	ledger.IntentEpoch
	// Entry is where it begins; nil: before the entries of the pack, where all that is
	// told of it is what decisions say.
	Entry *uint64
	// Until is the enforcer's next epoch; nil: there is none in the period.
	Until   *uint64
	UntilAt time.Time
	// Decisions of the period that name its documents, First to Last. Some may come after
	// its end: of calls in flight, and of other processes of that name.
	Decisions   int
	First, Last uint64
}

// inForce is what was in force when, as far as the entries tell.
type inForce struct {
	all    []*InForce
	newest map[string]*InForce // by enforcer, and by enforcer with documents
}

func (f *inForce) begins(index uint64, e ledger.IntentEpoch) {
	i := &InForce{IntentEpoch: e, Entry: &index}
	by := ledger.EnforcerID(e.Enforcer)
	was := f.newest[by]
	if was == nil {
		was = f.newest[by+" "+e.Previous] // which began before the pack
	}
	if was != nil {
		was.Until, was.UntilAt = &index, e.At
	}
	f.all = append(f.all, i)
	f.newest[by], f.newest[by+" "+e.Digest] = i, i
}

func (f *inForce) decided(index uint64, d policy.Decision) {
	if d.Basis.Intent == "" {
		return
	}
	by := ledger.EnforcerID(d.Enforcer)
	i := f.newest[by+" "+d.Basis.Intent]
	if i == nil {
		i = &InForce{IntentEpoch: ledger.IntentEpoch{Enforcer: by, Mode: d.Mode, Digest: d.Basis.Intent, Rules: d.Basis.Rules}}
		f.all = append(f.all, i)
		f.newest[by+" "+d.Basis.Intent] = i
	}
	if i.Decisions++; i.Decisions == 1 {
		i.First = index
	}
	i.Last = index
}

// inForceTable is in-force.csv.
func (p Pack) inForceTable() []byte {
	var b bytes.Buffer
	csvRow(&b, []string{"from", "from_index", "until", "until_index", "enforcer", "process", "mode", "digest", "previous", "documents", "added", "changed", "removed",
		"rules", "object", "decisions", "first_decision", "last_decision"})
	for _, i := range p.InForce {
		documents, first, last := "", "", ""
		if i.Entry != nil {
			documents = strconv.Itoa(i.Documents)
		}
		if i.Decisions > 0 {
			first, last = fmt.Sprint(i.First), fmt.Sprint(i.Last)
		}
		row := []string{stamp(i.At), place(i.Entry), stamp(i.UntilAt), place(i.Until), i.Enforcer, i.Process, i.Mode.String(), i.Digest, i.Previous, documents,
			strings.Join(i.Added, " "), strings.Join(i.Changed, " "), strings.Join(i.Removed, " "), i.Rules, i.Object, strconv.Itoa(i.Decisions), first, last}
		for n, cell := range row {
			row[n] = inert(cell)
		}
		csvRow(&b, row)
	}
	return b.Bytes()
}

func place(index *uint64) string {
	if index == nil {
		return ""
	}
	return strconv.FormatUint(*index, 10)
}

// inForce is the section of the page.
func (p Pack) inForce(w *writer) {
	w.put(`<h2>What was in force</h2>`)
	if len(p.InForce) == 0 {
		w.put(`<p>No decision of the period was made by declared documents, and none came into force.</p>`)
		return
	}
	w.put(`<p>By which documents it was judged, from when on. All of it is <a href="in-force.csv">in-force.csv</a>.</p>`)
	w.head("from", "until", "by", "documents", "what changed", "decisions")
	for _, i := range p.InForce[:min(pageShown, len(p.InForce))] {
		from, until := "before the entries of this pack", ""
		if i.Entry != nil {
			from = fmt.Sprintf("%s, entry %d", stamp(i.At), *i.Entry)
		}
		if i.Until != nil {
			until = fmt.Sprintf("%s, entry %d", stamp(i.UntilAt), *i.Until)
		}
		w.row("", from, until, i.Enforcer+", "+i.Mode.String(), i.Digest, i.changes(), fmt.Sprint(i.Decisions))
	}
	w.end()
	if more := len(p.InForce) - pageShown; more > 0 {
		w.put(`<p>and %d more, in the file.</p>`, more)
	}
}

// changes says what differs from what was in force before.
func (i *InForce) changes() string {
	var out []string
	for _, part := range []struct {
		what  string
		names []string
	}{{"added", i.Added}, {"changed", i.Changed}, {"removed", i.Removed}} {
		if len(part.names) > 0 {
			out = append(out, part.what+" "+strings.Join(part.names, ", "))
		}
	}
	for _, c := range i.Truncated {
		out = append(out, fmt.Sprintf("%s: %d of %d are named", c.What, c.Kept, c.Of))
	}
	switch {
	case len(out) > 0:
		return strings.Join(out, "; ")
	case i.Entry == nil || i.Previous == "":
		return "" // not told
	case i.Previous == i.Digest:
		return "the documents are the same"
	}
	return "the documents before are " + i.Previous + ", and were not at hand"
}
