package kube

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube/patch"
)

// Attempt is a change that an API server is to try, and not to store.
type Attempt struct {
	Cluster string
	Method  string
	URL     *url.URL // path and query as they are to be sent, dryRun=All among them
	Header  http.Header
	Body    []byte
	// Decision is under whose id the change is being judged.
	Decision string
}

// Trier has an API server try a change, and tells what it would store: with its
// defaults, and what its admission makes of it. It MUST NOT ask with any identity but
// the caller's, nor wait longer than the caller would. asked is false where nobody
// wants to know it that exactly; an error means that it cannot be told.
type Trier interface {
	Try(context.Context, Attempt) (object map[string]any, asked bool, err error)
}

// try has the server say what comes of a change, where that is wanted.
//
// Only kinds that are built into every API server are tried: a server that is
// aggregated behind one need not know what a dry run is, and would do it. Secrets are
// not: nothing of what is judged is in their values.
func (r *reading) try(ctx context.Context, by Trier) {
	id, rt := decoders.DecisionOf(ctx), r.route
	_, _, builtIn := kindOf(rt.Group, rt.Resource)
	changes := rt.Verb == "create" || rt.Verb == "update" || rt.Verb == "patch"
	if by == nil || id == "" || !builtIn || !changes || rt.Subresource != "" || !r.verb.Mutates() || isSecretRoute(rt) ||
		!r.body.Read || r.query.Has("dryRun") {
		return
	}
	at := *r.call.URL
	if at.RawQuery += "&dryRun=All"; at.RawQuery[0] == '&' {
		at.RawQuery = at.RawQuery[1:]
	}
	object, asked, err := by.Try(ctx, Attempt{Cluster: r.cluster, Method: r.call.Method, URL: &at, Header: presented(r.call.Header), Body: r.call.Body, Decision: id})
	switch {
	case !asked:
	case err != nil:
		r.unknown = append(r.unknown, "exact result")
		r.result.refuse = "the server does not say what comes of it: " + err.Error()
	default:
		r.unknown = slices.DeleteFunc(r.unknown, func(what string) bool {
			return what == "current" || what == "result" || what == "managed fields"
		})
		object = r.asIfStored(object)
		patch.Typed(r.message(), object)
		if r.result.before != nil {
			r.result.changed = r.changedFrom(object)
		}
		r.result.object, r.result.whole, r.result.base, r.result.refuse = object, true, "/result", ""
	}
}

// presented is what of a header says who calls, on whose behalf, with what program,
// and what the body is.
func presented(h http.Header) http.Header {
	out := http.Header{}
	for key, values := range h {
		if key == "Authorization" || key == "Content-Type" || key == "User-Agent" || strings.HasPrefix(key, "Impersonate-") {
			out[key] = slices.Clone(values)
		}
	}
	return out
}

// asIfStored takes out what a server makes up anew each time it tries to create: two
// tries of one change then come to one result.
func (r *reading) asIfStored(object map[string]any) map[string]any {
	object = maps.Clone(object)
	meta := maps.Clone(dict(object, "metadata"))
	if meta == nil {
		return object
	}
	object["metadata"] = meta
	if r.route.Verb == "create" || r.result.before == nil {
		delete(meta, "uid")
		delete(meta, "creationTimestamp")
	}
	if name, generated, _ := r.bodyNames(); name == "" && generated != "" {
		delete(meta, "name")
	}
	return object
}
