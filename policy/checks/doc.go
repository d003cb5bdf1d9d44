// Package checks judges an action against declared intent: decoded, scoped,
// identified, granted, not forbidden, within its limits. Compile turns a set of
// documents into an immutable Program; Judge runs it, without a clock, without
// randomness, without locks.
//
// # What it promises
//
//   - Default deny: a change is allowed only if for every target one allow clause
//     covers it, with all of that clause's own conditions. Conditions of different
//     clauses never mix. Totals (dependents, targets) are of the whole action.
//   - A never clause beats every allow clause, and is the only thing that refuses
//     a read or a reveal.
//   - Unknown never helps: what is not known does not satisfy a condition of an
//     allow clause, and does satisfy one of a never clause.
//     The tags of what is only being created are not known.
//   - An actor is who the evidence says; a name that nobody declared is nobody.
//     An actor with others behind it (model.Actor.For) needs the grant, and each
//     of them needs it too.
//   - Nobody approves their own action, nor that of anyone who acts for them. An
//     approval counts for one scope (policy.Scope), until it expires, once a person.
//   - What a change would make true conforms to every blueprint; what it cannot tell
//     does not. An exception waives for a while, and never grants. A blueprint with a
//     ratchet lets pass what surely was otherwise before and does not get worse.
//   - What a change would connect its things with conforms to the topology rules of
//     every blueprint: on the relations of the model, and what the call says of them.
//   - Nothing is built on what has drifted from what is declared, and nothing is made
//     reachable that is not fit for that, as its environment says (Exposes).
//   - Every finding names facts and carries something to paste or somebody to ask.
//
// # Codes
//
// AS1xxx are about what was understood, AS2xxx about grants, nevers and limits,
// AS3xxx about places, actors and owners. policy/reason has a page for each.
package checks

// The codes of this package's findings.
const (
	CodeUnknown      = "AS1002" // no decoder understands the operation
	CodePartial      = "AS1003" // parts of the call were not understood (a remark)
	CodeNoTarget     = "AS1004" // what it would touch cannot be told
	CodeNothing      = "AS2001" // nothing is declared at all
	CodeNoGrant      = "AS2002" // no clause allows it
	CodeNever        = "AS2003" // a never clause forbids it
	CodeDependents   = "AS2004" // too much depends on what it changes
	CodeTargets      = "AS2005" // it changes too many things at once
	CodeBreaks       = "AS2006" // it deletes what others depend on (a remark)
	CodeBehalf       = "AS2007" // it has to say for whom it acts
	CodeApproval     = "AS2008" // it waits for approval
	CodeBudget       = "AS2011" // a budget is used up (policy/budget counts)
	CodeBlueprint    = "AS2012" // it is not built as a blueprint wants it
	CodeWaived       = "AS2013" // an exception lets it be otherwise (a remark)
	CodeWindow       = "AS2014" // the clause that allows it holds at another time
	CodeFreeze       = "AS2015" // everything is frozen
	CodeAlong        = "AS2016" // it takes others along (a remark)
	CodeTopology     = "AS2020" // it is not connected as a blueprint wants it
	CodeRatchet      = "AS2021" // it was otherwise before, and does not get worse (a remark)
	CodeTicket       = "AS2022" // it lacks a ticket, or a proof, that its clause asks for
	CodeUnderWay     = "AS2025" // it does not go together with a change that is under way
	CodeGlass        = "AS2051" // it is let through because somebody broke the glass
	CodeExposes      = "AS2031" // it makes others reachable (a remark)
	CodeExposed      = "AS2032" // too much becomes reachable
	CodeOthersField  = "AS2041" // it changes what another owner has declared
	CodeUndeclares   = "AS2042" // afterwards it would not be as declared
	CodeQuarantine   = "AS2043" // it builds on what has drifted from what is declared
	CodeUnfit        = "AS2044" // it makes reachable what has drifted, is not as declared, or nobody built
	CodeNoPlace      = "AS3001" // a target is in no environment
	CodeUnknownPlace = "AS3002" // which environment cannot be told
	CodeNobody       = "AS3003" // the actor is not declared
	CodeNoOwner      = "AS3004" // nobody is accountable (a remark)
	CodeTwoOwners    = "AS3005" // two owners are equally near (a remark)
	CodeOld          = "AS5003" // the model is too old to destroy by
	CodeBehind       = "AS5004" // the model is behind (a remark)
)
