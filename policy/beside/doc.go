// Package beside is a module of its own: what a verdict costs here, and in OPA and
// Cedar over the same clauses, in one run (make bench). So the program depends on no
// second engine.
//
// All three answer the same changes, over the documents of decidetest.Company. OPA
// gets them as generated Rego, one rule a clause with what its rule index can use;
// Cedar as one policy a clause. Both are handed what assent has to find out: who
// somebody is, which environment a machine is in, whose it is. Neither says more than
// yes or no; assent's figure is of the whole decision: identity, place, owner, what
// depends on it, and the record of all that.
package beside
