// Package house has no code: its tests hold the rules of the house that no
// compiler checks, over every Go file of this module. Who may import whom, a
// comment on every package, no init, no file that is two ideas long, and no
// setting that opens a door. Each rule's test says what to do about a finding.
package house
