// Package rego runs the users' own rules. It is the only place where OPA lives,
// and OPA can only take away here: Rego's default failure is an allow, so a rule
// is never asked whether something may pass, only whether it must not.
//
// # A rule
//
// The rego text of a Rule document defines one thing, a set named deny:
//
//	deny contains "opens a port to the internet" if { … }
//	deny contains {"code": "too-old", "msg": sprintf("%v days", [age])} if { … }
//
// An element is a text, or an object with a code (a text) and, if it likes, a
// msg and further fields that are shown as facts. The package and the import of
// rego.v2 are ours; a package, an import, another rule, a function, a default,
// `with`, and data are refused. So is every path of input that is not listed in
// Inputs, where a misspelt name would make a rule silently never apply.
//
// # What it promises
//
//   - No network, no files, no environment, no randomness; the time is the
//     decision's. Builtins are an allow-list.
//   - A rule is loaded only if its own tests pass, with the rule index and
//     without it.
//   - A rule that errs, takes longer than 50 ms or answers anything but such a
//     set is a fault: the action is refused, with the rule's name.
//   - What is not known about an action makes a rule apply, never the opposite: one
//     that reads params refuses when some of them were not understood, unless it
//     reads action.unknown or action.fidelity and so decides for itself.
//
// Each evaluation reads one action; a call with parts is shown to the rules
// whole and part by part.
package rego

import "time"

// The codes of this package's findings.
const (
	CodeRule = "AS4001" // a rule denies
)

// Bounds of one evaluation. OPA has no limit on memory: what bounds it is the
// time, and that no builtin that makes much out of little is allowed.
const (
	evalTimeout = 50 * time.Millisecond
	// againTimeout is what a rule gets that has run out of time once: the clock on
	// the wall goes on while a busy machine does something else.
	againTimeout = 4 * evalTimeout
	maxElements  = 100  // of one deny set that are read
	maxSaid      = 300  // bytes of a rule's own words in a finding
	maxParts     = 2000 // of one call that are shown to rules
	maxFindings  = 64   // of one decision: a rule that denies each of 1,000 parts says it often enough
)
