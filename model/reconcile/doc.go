// Package reconcile says how what is running stands to what was built and what is
// meant to be: per resource and per field, with a state and a reason. It is pure:
// no clock, no file, no network; what it compares is given to it.
//
// # What is compared
//
// Built is what was executed through the proxy, as it was read back afterwards. All
// the defaults that a service fills in are in it, so they are no noise; a field that
// differs from it now was changed by somebody else. A Claim is one field of one
// resource that somebody has declared. Running is a snapshot of the model.
//
// # The states
//
//   - aligned: as built, and as declared
//   - pending: declared after it was last built, and not built yet
//   - drifted: changed since it was built, and not by way of the proxy
//   - violating: not as declared
//   - unmanaged: running, and neither built nor declared
//   - ghost: built, and gone without a deletion by way of the proxy
//   - unbuilt: declared, and not there
//   - unknown: not read since it was built, or not for too long
//
// Of several that hold, the gravest is a resource's: violating before drifted,
// drifted before pending.
//
// # What is no difference
//
// rules.tsv says which fields a service computes, which belong to a controller
// (theirs: reported, and no drift), where the order of a list counts, and what is
// critical. Everything else is compared: a field that nobody knows is not a field
// that may change unseen. Lists are sets unless a row says otherwise; texts that are
// JSON, as policies are, are compared as what they say.
package reconcile
