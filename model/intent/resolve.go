package intent

// Names reports whether a word of who is about an actor: *, its name, kind:KIND or
// owner:OWNER.
func (a *Actor) Names(word string) bool {
	return word == "*" || word == a.Name || word == "kind:"+string(a.Kind) || word == "owner:"+a.Owner
}

// Names reports whether a word of in is about an environment: *, its name or
// tier:TIER.
func (e *Environment) Names(word string) bool {
	return word == "*" || word == e.Name || word == "tier:"+string(e.Tier)
}
