// Package docs writes what is known as Markdown pages with Mermaid pictures: a page
// an application, an account, a cluster, an environment and an owner, and an index.
//
// # What it promises
//
// The same input gives the same bytes: there is no clock in it, and everything is
// sorted. What a page says of how fresh it is stands between two marks and is left
// out when pages are checked, so that reading the same thing again makes no page
// stale; everything else is.
//
// Names come from outside, and are shown as names: nothing that a tag or a bucket is
// called becomes markup, a link, or a line of a picture.
//
// A page begins with a mark. Only files with that mark are written over or removed.
//
// # Bounds
//
// A table has maxRows rows and a picture maxNodes nodes; what is left out is counted.
package docs

import (
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/owners"
	"github.com/assent-iom/assent/model/reconcile"
)

const (
	// maxRows bounds a table of a page: more is not read, and makes diffs that nobody
	// looks through.
	maxRows = 500
	// maxNodes bounds a picture; renderers give up on some hundred edges.
	maxNodes = 40
	// maxEdges bounds the lines of a picture.
	maxEdges = 120
	// maxHubs is how many resources have a line under "if deleted".
	maxHubs = 10
	// maxDecisions is how many decisions a page has.
	maxDecisions = 20
	// maxPages bounds what a tag with too many values could make.
	maxPages = 5000
)

// Input is all that pages are made from.
type Input struct {
	Snapshot model.Snapshot
	// Owner says whose a resource is.
	Owner func(model.Resource) Owner
	// Environment says where a resource is by the declared documents; empty: nowhere.
	Environment func(model.Resource) (name, tier string)
	Drift       []reconcile.Status
	Decisions   []Decided // newest first
	Kept        []collect.Kept
	Intent      string // the digest of the declared documents
}

// Owner is whose a resource is.
type Owner struct {
	Name, Person, From string // declared; empty: nobody is
	Said               *owners.Claim
	Conflict           []string // who else is named, where that differs
}

// Decided is a decision of the ledger.
type Decided struct {
	Index   uint64
	ID      string
	At      time.Time
	Verdict string
	Actor   string
	Name    string
	Targets []model.URN
}

// Page is one file.
type Page struct {
	Path, Kind, Name string
	Body             []byte
}
