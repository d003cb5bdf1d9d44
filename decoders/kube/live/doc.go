// Package live asks API servers. A Server is one cluster's, and everything it is
// asked is asked as somebody: a Collector asks as assent, with the credential that a
// configuration names for it; Before asks as the caller of the call that is judged,
// and as nobody else.
//
// # What it asks for
//
// Discovery, lists in pages of 500, watches, single objects. A Collector reads whole
// only the kinds of which something in the spec is kept, and keeps slim records of
// them; of all others, ConfigMaps and custom resources among them, it is given the
// metadata alone, and of Secrets the server's own table. The values of Secrets never
// come to it. Events and leases are a log and a heartbeat: it does not read them.
//
// It is its own client, over net/http: of client-go's dynamic and metadata clients it
// would use the URL and the Accept header, and the wire is read here already.
//
// # What it promises
//
//   - A list that ended early, by whatever, is an error, and never the end of it.
//   - Every answer, page, watch and pause has a bound; the pace of a Server is one.
//   - The credential is asked for anew each time, and stands in no error.
package live
