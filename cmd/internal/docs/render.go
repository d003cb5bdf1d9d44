package docs

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/reconcile"
)

const (
	// mark is the first line of every page.
	mark = "<!-- assent docs: this page is made by the program; what is written here is lost -->\n"
	// What stands between these says how fresh a page is.
	freshBegin = "<!-- fresh -->\n"
	freshEnd   = "<!-- /fresh -->\n"
)

// Render makes the pages, sorted by path.
func Render(in Input) []Page {
	a := gather(in)
	pages := []Page{{Path: "index.md", Kind: "index", Name: "index", Body: a.index()}}
	for _, s := range a.subjects {
		pages = append(pages, Page{Path: s.path(), Kind: s.kind, Name: s.name, Body: a.page(s)})
	}
	slices.SortFunc(pages, func(x, y Page) int { return cmp.Compare(x.Path, y.Path) })
	return pages
}

func (a *atlas) index() []byte {
	var b bytes.Buffer
	b.WriteString(mark + "# What is known\n\n")
	for _, k := range kinds {
		var rows [][]string
		for _, s := range a.subjects {
			if s.kind == k.kind {
				rows = append(rows, []string{"[" + words(s.name) + "](" + s.path() + ")", words(s.note), fmt.Sprint(len(s.members)), fmt.Sprint(len(a.drifted(s.members)))})
			}
		}
		if len(rows) > 0 {
			fmt.Fprintf(&b, "## %s\n\n", k.title)
			table(&b, []string{"page", "", "resources", "not as built"}, rows)
		}
	}
	if a.left > 0 {
		fmt.Fprintf(&b, "There is no room for %d more pages.\n\n", a.left)
	}
	a.gaps(&b, func(collect.Scope) bool { return true })
	a.fresh(&b, func(collect.Scope) bool { return true })
	return b.Bytes()
}

func (a *atlas) page(s subject) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s# %s: %s\n\n", mark, s.kind, words(s.name))
	if s.note != "" {
		fmt.Fprintf(&b, "%s\n\n", words(s.note))
	}
	b.WriteString("[all pages](../index.md)\n\n")
	mine := map[model.URN]bool{}
	for _, r := range s.members {
		mine[r.URN] = true
	}
	a.inventory(&b, s)
	a.picture(&b, s, mine)
	a.dependencies(&b, s, mine)
	a.deleted(&b, s)
	a.notAsBuilt(&b, s)
	a.decisions(&b, s)
	of := scopesOf(s)
	a.gaps(&b, of)
	a.fresh(&b, of)
	return b.Bytes()
}

// scopesOf tells which listings speak of what a page is about.
func scopesOf(s subject) func(collect.Scope) bool {
	at := map[collect.Scope]bool{}
	whole := map[[2]string]bool{}
	for _, r := range s.members {
		if s.kind == "account" || s.kind == "cluster" {
			whole[[2]string{r.Platform, r.Account}] = true
		}
		at[collect.Scope{Platform: r.Platform, Account: r.Account, Region: r.Region, Type: r.Type}] = true
		at[collect.Scope{Platform: r.Platform, Account: r.Account, Type: r.Type}] = true
	}
	return func(sc collect.Scope) bool { return at[sc] || whole[[2]string{sc.Platform, sc.Account}] }
}

// table writes rows, cut to maxRows; its cells are Markdown already.
func table(b *bytes.Buffer, head []string, rows [][]string) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for i, row := range rows {
		if i == maxRows {
			break
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
	b.WriteString("\n")
	if more := len(rows) - maxRows; more > 0 {
		fmt.Fprintf(b, "and %d more\n\n", more)
	}
}

func (a *atlas) inventory(b *bytes.Buffer, s subject) {
	count := map[string]int{}
	for _, r := range s.members {
		count[r.Type]++
	}
	fmt.Fprintf(b, "## Inventory\n\n%d resources of %d types\n\n", len(s.members), len(count))
	if len(s.members) > maxRows { // the types first: rows are left out below
		var rows [][]string
		for _, kind := range slices.Sorted(maps.Keys(count)) {
			rows = append(rows, []string{code(kind), fmt.Sprint(count[kind])})
		}
		table(b, []string{"type", "resources"}, rows)
	}
	members := slices.Clone(s.members)
	slices.SortStableFunc(members, func(x, y model.Resource) int { return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.URN, y.URN)) })
	var rows [][]string
	for _, r := range members {
		rows = append(rows, []string{code(r.Type), code(string(r.URN)), code(r.Name), a.whose(r.URN)})
	}
	table(b, []string{"type", "resource", "name", "owner"}, rows)
}

// whose is the cell that says who answers.
func (a *atlas) whose(urn model.URN) string {
	o := a.owner[urn]
	text := code(o.Name)
	switch {
	case o.Name != "":
	case o.Said != nil:
		text = "nobody; ask " + code(o.Said.Owner) + " (" + words(string(o.Said.Rung)) + ")"
	default:
		text = nobody
	}
	if len(o.Conflict) > 0 {
		text += ", but also named: " + code(strings.Join(o.Conflict, ", "))
	}
	return text
}

func (a *atlas) dependencies(b *bytes.Buffer, s subject, mine map[model.URN]bool) {
	out, in := a.crossing(s, mine)
	for _, d := range []struct {
		title string
		all   []model.Relation
		far   func(model.Relation) model.URN
		near  func(model.Relation) model.URN
	}{
		{"Depends on", out, func(r model.Relation) model.URN { return r.To }, func(r model.Relation) model.URN { return r.From }},
		{"Needed by", in, func(r model.Relation) model.URN { return r.From }, func(r model.Relation) model.URN { return r.To }},
	} {
		fmt.Fprintf(b, "## %s\n\n", d.title)
		if len(d.all) == 0 {
			b.WriteString("nothing outside of this page that is known\n\n")
			continue
		}
		var rows [][]string
		for _, r := range d.all {
			rows = append(rows, []string{code(string(d.near(r))), words(r.Type), code(string(d.far(r))), a.whose(d.far(r)), words(r.Confidence.String())})
		}
		table(b, []string{"here", "relation", "there", "owner", "known"}, rows)
	}
}

// crossing are the relations that leave a page, and those that come into it.
func (a *atlas) crossing(s subject, mine map[model.URN]bool) (out, in []model.Relation) {
	for _, r := range s.members {
		for _, d := range a.in.Snapshot.Dependencies(r.URN) {
			if !mine[d.To] {
				out = append(out, d)
			}
		}
		for _, d := range a.dependents[r.URN] {
			if !mine[d.From] {
				in = append(in, d)
			}
		}
	}
	order := func(x, y model.Relation) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.Type, y.Type), cmp.Compare(x.Source, y.Source))
	}
	slices.SortFunc(out, order)
	slices.SortFunc(in, order)
	once := func(x, y model.Relation) bool { return x.From == y.From && x.To == y.To && x.Type == y.Type }
	return slices.CompactFunc(out, once), slices.CompactFunc(in, once)
}

// deleted are the resources with which the most would go.
func (a *atlas) deleted(b *bytes.Buffer, s subject) {
	b.WriteString("## If deleted\n\n")
	members := slices.DeleteFunc(slices.Clone(s.members), func(r model.Resource) bool { return a.fall(r).Affected == 0 })
	slices.SortStableFunc(members, func(x, y model.Resource) int {
		return cmp.Or(-cmp.Compare(a.fall(x).Affected, a.fall(y).Affected), cmp.Compare(x.URN, y.URN))
	})
	if len(members) == 0 {
		b.WriteString("nothing else breaks that is known\n\n")
		return
	}
	var rows [][]string
	for _, r := range members[:min(len(members), maxHubs)] {
		f := a.fall(r)
		var whose []string
		for _, o := range f.Owners {
			whose = append(whose, fmt.Sprintf("%s: %d", o.Owner, o.Count))
		}
		if f.Unowned > 0 {
			whose = append(whose, fmt.Sprintf("nobody: %d", f.Unowned))
		}
		breaks := fmt.Sprint(f.Affected)
		if !f.Complete {
			breaks += " at least"
		}
		rows = append(rows, []string{code(string(r.URN)), breaks, fmt.Sprint(f.Production), fmt.Sprint(f.UserFacing), code(strings.Join(whose, ", ")), code(strings.Join(f.Paths, "; "))})
	}
	table(b, []string{"resource", "break", "in production", "met by users", "of", "way to the worst"}, rows)
	if more := len(members) - maxHubs; more > 0 {
		fmt.Fprintf(b, "and %d more with which something breaks\n\n", more)
	}
}

// drifted are those that are not as they were built.
func (a *atlas) drifted(members []model.Resource) (all []reconcile.Status) {
	for _, r := range members {
		if s, ok := a.drift[r.URN]; ok && s.State != reconcile.Aligned && s.State != reconcile.Unmanaged {
			all = append(all, s)
		}
	}
	return all
}

func (a *atlas) notAsBuilt(b *bytes.Buffer, s subject) {
	b.WriteString("## Not as it was built\n\n")
	all := a.drifted(s.members)
	if len(all) == 0 {
		b.WriteString("nothing that is known\n\n")
		return
	}
	var rows [][]string
	for _, st := range all {
		var paths, by []string
		for _, f := range st.Fields {
			if f.State != reconcile.Theirs {
				paths = append(paths, f.Path)
			}
		}
		for _, e := range st.By {
			by = append(by, e.Actor+" "+e.Name)
		}
		built := ""
		if st.Built != nil {
			built = st.Built.Decision
		}
		rows = append(rows, []string{code(string(st.URN)), words(string(st.State)), code(strings.Join(paths, ", ")), code(strings.Join(by, ", ")), code(built)})
	}
	table(b, []string{"resource", "state", "fields", "changed by", "built by decision"}, rows)
}

func (a *atlas) decisions(b *bytes.Buffer, s subject) {
	b.WriteString("## Last decisions\n\n")
	at := map[int]bool{}
	for _, r := range s.members {
		for _, i := range a.decided[r.URN] {
			at[i] = true
		}
	}
	if len(at) == 0 {
		b.WriteString("none that the ledger has of these resources\n\n")
		return
	}
	var rows [][]string
	for n, i := range slices.Sorted(maps.Keys(at)) {
		if n == maxDecisions {
			break
		}
		d := a.in.Decisions[i]
		rows = append(rows, []string{fmt.Sprint(d.Index), code(d.ID), d.At.UTC().Format(time.DateTime), words(d.Verdict), code(d.Actor), code(d.Name)})
	}
	table(b, []string{"entry", "decision", "at (UTC)", "verdict", "actor", "action"}, rows)
}

// gaps say what could not be looked at.
func (a *atlas) gaps(b *bytes.Buffer, of func(collect.Scope) bool) {
	var rows [][]string
	for _, k := range a.in.Kept {
		for _, c := range k.Coverage {
			if of(c.Scope) && c.State != collect.Complete {
				rows = append(rows, []string{code(c.Scope.String()), words(string(c.State)), code(c.Why)})
			}
		}
		for _, g := range k.Gaps {
			if of(g.Scope) {
				rows = append(rows, []string{code(g.Scope.String()), words(string(g.State)), code(g.Why)})
			}
		}
	}
	b.WriteString("## Not looked at\n\n")
	if len(rows) == 0 {
		if len(a.in.Kept) == 0 {
			b.WriteString("Nothing was ever listed: what is here was seen in passing, and there may be more.\n\n")
		} else {
			b.WriteString("no gap that is known\n\n")
		}
		return
	}
	slices.SortFunc(rows, slices.Compare)
	table(b, []string{"what", "state", "why"}, rows)
}

// fresh says of when a page is. It is left out when pages are checked.
func (a *atlas) fresh(b *bytes.Buffer, of func(collect.Scope) bool) {
	b.WriteString("## Of when this is\n\n" + freshBegin)
	fmt.Fprintf(b, "model %s, documents %s\n\n", code(a.in.Snapshot.Version().Digest), code(a.in.Intent))
	var rows [][]string
	for _, k := range a.in.Kept {
		for _, c := range k.Coverage {
			if of(c.Scope) {
				listed := "never"
				if !c.ListedAt.IsZero() {
					listed = c.ListedAt.UTC().Format(time.DateTime)
				}
				rows = append(rows, []string{code(c.Scope.String()), fmt.Sprint(c.Count), listed})
			}
		}
	}
	if len(rows) > 0 {
		table(b, []string{"listing", "resources", "last complete (UTC)"}, rows)
	}
	b.WriteString(freshEnd)
}
