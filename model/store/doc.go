// Package store keeps the model on disk, in one SQLite file that several
// processes may share.
//
// It holds resources by URN, and the relations that were stated outright; those
// that follow from attributes are found anew when a graph loads. It merges an
// observation into the row that is there, as model.Observation says, so two
// processes that know different halves of a resource do not undo each other.
//
// # Durability
//
// The model is a memory of what was seen, not evidence: WAL with synchronous
// NORMAL survives the end of the process at any point, and may lose the last
// moments at a loss of power. The next read of the same resource brings them
// back. The ledger is where nothing may be lost.
//
// # A damaged file
//
// Open checks the file and returns an error that wraps ErrDamaged and says how to
// go on. It never deletes anything; the caller may start empty.
//
// # Words
//
// Store: the file. Writer: the goroutine that batches observations into it.
package store
