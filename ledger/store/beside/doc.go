// Package beside measures the ledger beside the log of others, in one run: it is a module
// of its own, so that nobody who builds Assent needs that log.
package beside
