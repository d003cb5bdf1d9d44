// Package postgres keeps the model of many proxies in one PostgreSQL: a log of
// observations in one order, which every proxy follows into a graph of its own.
// Decisions read that graph alone; nothing here is on the way of a call.
//
// # The order
//
// Events are numbered 1, 2, 3, … without a hole. A writer locks the one row that
// holds the last number (assent_append in schema.go), numbers its batch after it,
// and lets go of the row by committing. So a batch with higher numbers commits
// after every batch with lower ones, and a reader that sees event n sees all before
// it: "seq > last" misses nothing. A sequence would not do: its numbers are given
// out before the commit, and a transaction that numbers first and commits last is
// stepped over. A transaction that is rolled back gives its numbers back. A hole is
// therefore an error, which a follower would notice, and it would load anew.
//
// NOTIFY is a doorbell without words; a follower that hears nothing looks every
// second all the same, and so knows until when it has seen everything.
//
// # What a proxy learns itself
//
// What passing calls teach is in its graph at once, and in the log a moment later.
// When the log comes to it, it is applied once more in the log's order, and what is
// not in the log yet is laid over it again, in one version. So all graphs become
// what the log says, and none goes back on what its own calls have taught.
// What collectors read goes through the log first: a proxy whose lease is gone
// changes nothing, not even its own graph.
//
// # Leases
//
// A lease lets one proxy do something: run a collector, compact the log. It ends by
// the database's clock, and each holder has a number (fence) higher than the one
// before. What a collector has read is appended only while its lease lasts, in the
// same transaction; a holder that was paused and does not know that it is over
// changes nothing.
//
// # What was built
//
// How things were built (assent_built) is in every replica too, in the order of its own
// numbers, so that a decision asks no database for it. A change that another proxy has
// executed may be seen running a moment before it is known to be built.
//
// # When the database is away
//
// Replica.Behind says since when. What is learnt meanwhile waits, up to a bound,
// and is written when it is back; past the bound it is counted and lost: a model is
// a memory, and the next read brings it back.
//
// # Compaction
//
// Every SnapshotEvery events one proxy folds the log into a snapshot and deletes
// what is more than KeepEvents behind it. Opening reads the snapshot and the events
// after it. A follower that is further behind loads anew.
//
// # Secrets
//
// No error and no text of this package holds the password of the URL.
//
// # Words
//
// Store: the database. Replica: a graph that follows it. Event: one observation in
// the log. Head: the number of the last event. Fence: which holding of a lease.
package postgres
