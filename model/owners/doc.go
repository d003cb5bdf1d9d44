// Package owners reads what others have written about whose a thing is, beside the
// Owner documents that are declared: tags and labels, CODEOWNERS, Terraform
// workspaces, what a thing lives in, and who made it. It lays all of it on one
// ladder, nearest first, and says where the claims differ.
//
// # What it promises
//
// It never makes anybody accountable: that is declared, and policy/checks finds it.
// What stands here names whom to ask, and MUST NOT reach a verdict. Where two claims
// on one rung differ it is neither, and both are given.
//
// CODEOWNERS is read strictly, as GitHub or as GitLab reads it: a line that neither
// of them would take is an error with its number, not a line that is left out.
//
// # Words
//
// Rung: a way to come to an owner. Claim: an owner that one rung names, with its
// source. Handle: a name of CODEOWNERS, @user, @org/team or an address.
package owners
