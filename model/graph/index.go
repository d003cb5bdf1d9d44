package graph

import "math/bits"

// index is a persistent multimap from 64-bit hashes to whatever is known under
// them, resource ids most often: a trie of 32-way branches. A branch made under the running edit may be changed in place;
// any other belongs to a published version and is copied first.
type index[T comparable] struct {
	edit     uint64
	leafBits uint32
	kidBits  uint32
	leaves   []leaf[T]
	kids     []*index[T]
}

type leaf[T comparable] struct {
	hash uint64
	id   T
	more *cell[T] // further ids under the same hash; immutable
}

type cell[T comparable] struct {
	id   T
	next *cell[T]
}

// each calls f for every id under hash.
func (x *index[T]) each(hash uint64, f func(id T)) {
	for shift := uint(0); x != nil; shift += 5 {
		bit := uint32(1) << (hash >> shift & 31)
		if x.leafBits&bit != 0 {
			l := &x.leaves[bits.OnesCount32(x.leafBits&(bit-1))]
			if l.hash != hash {
				return
			}
			f(l.id)
			for c := l.more; c != nil; c = c.next {
				f(c.id)
			}
			return
		}
		if x.kidBits&bit == 0 {
			return
		}
		x = x.kids[bits.OnesCount32(x.kidBits&(bit-1))]
	}
}

// all calls f for everything, whatever it is under.
func (x *index[T]) all(f func(id T)) {
	if x == nil {
		return
	}
	for i := range x.leaves {
		f(x.leaves[i].id)
		for c := x.leaves[i].more; c != nil; c = c.next {
			f(c.id)
		}
	}
	for _, kid := range x.kids {
		kid.all(f)
	}
}

func (x *index[T]) own(edit uint64) *index[T] {
	if x == nil {
		return &index[T]{edit: edit}
	}
	if x.edit == edit {
		return x
	}
	c := *x
	c.edit = edit
	c.leaves = append(make([]leaf[T], 0, len(x.leaves)+1), x.leaves...)
	c.kids = append([]*index[T](nil), x.kids...)
	return &c
}

// put adds id under hash and returns the changed index. The pair MUST not be
// there. It sets shared, unless that is nil, if others are under the same hash.
func (x *index[T]) put(edit, hash uint64, id T, shift uint, shared *bool) *index[T] {
	x = x.own(edit)
	bit := uint32(1) << (hash >> shift & 31)
	kid := bits.OnesCount32(x.kidBits & (bit - 1))
	if x.kidBits&bit != 0 {
		x.kids[kid] = x.kids[kid].put(edit, hash, id, shift+5, shared)
		return x
	}
	at := bits.OnesCount32(x.leafBits & (bit - 1))
	if x.leafBits&bit == 0 {
		x.leafBits |= bit
		x.leaves = append(x.leaves, leaf[T]{})
		copy(x.leaves[at+1:], x.leaves[at:])
		x.leaves[at] = leaf[T]{hash: hash, id: id}
		return x
	}
	if l := &x.leaves[at]; l.hash == hash {
		l.more = &cell[T]{id: id, next: l.more}
		if shared != nil {
			*shared = true
		}
		return x
	}
	// Two hashes share this place: both move one level down.
	old := x.leaves[at]
	x.leaves = append(x.leaves[:at], x.leaves[at+1:]...)
	x.leafBits &^= bit
	down := &index[T]{edit: edit, leafBits: 1 << (old.hash >> (shift + 5) & 31), leaves: []leaf[T]{old}}
	x.kidBits |= bit
	x.kids = append(x.kids, nil)
	copy(x.kids[kid+1:], x.kids[kid:])
	x.kids[kid] = down.put(edit, hash, id, shift+5, shared)
	return x
}

// remove takes id (or, with all, every id) from under hash.
func (x *index[T]) remove(edit, hash uint64, id T, all bool, shift uint) *index[T] {
	if x == nil {
		return nil
	}
	bit := uint32(1) << (hash >> shift & 31)
	if x.kidBits&bit != 0 {
		x = x.own(edit)
		kid := bits.OnesCount32(x.kidBits & (bit - 1))
		x.kids[kid] = x.kids[kid].remove(edit, hash, id, all, shift+5)
		return x
	}
	at := bits.OnesCount32(x.leafBits & (bit - 1))
	if x.leafBits&bit == 0 || x.leaves[at].hash != hash {
		return x
	}
	x = x.own(edit)
	l := &x.leaves[at]
	switch {
	case all || l.id == id && l.more == nil:
		x.leaves = append(x.leaves[:at], x.leaves[at+1:]...)
		x.leafBits &^= bit
	case l.id == id:
		l.id, l.more = l.more.id, l.more.next
	default:
		l.more = l.more.without(id)
	}
	return x
}

// without returns the list less id; cells before it are copied.
func (c *cell[T]) without(id T) *cell[T] {
	var head *cell[T]
	tail := &head
	for ; c != nil; c = c.next {
		if c.id == id {
			*tail = c.next
			return head
		}
		*tail = &cell[T]{id: c.id}
		tail = &(*tail).next
	}
	return head
}
