package graph

import "crypto/sha256"

// merkle is a persistent 16-way Merkle trie. A leaf sits at the shallowest place
// where its key is alone, so that equal sets have equal shapes, whatever the
// order in which they came to be.
type merkle struct {
	edit  uint64
	stale bool // sum has to be made anew
	sum   [32]byte
	kids  *[16]*merkle // nil for a leaf
	key   [32]byte     // of a leaf
}

func nibble(key *[32]byte, depth int) byte {
	b := key[depth/2]
	if depth%2 == 0 {
		return b >> 4
	}
	return b & 15
}

func (m *merkle) own(edit uint64) *merkle {
	if m.edit == edit {
		return m
	}
	c := &merkle{edit: edit, stale: true, key: m.key, sum: m.sum}
	if m.kids != nil {
		kids := *m.kids
		c.kids = &kids
	}
	return c
}

// put sets the sum under key.
func (m *merkle) put(edit uint64, key, sum *[32]byte, depth int) *merkle {
	if m == nil {
		return &merkle{edit: edit, key: *key, sum: *sum}
	}
	if m.kids == nil {
		if m.key == *key {
			return &merkle{edit: edit, key: *key, sum: *sum}
		}
		branch := &merkle{edit: edit, stale: true, kids: new([16]*merkle)}
		branch.kids[nibble(&m.key, depth)] = m
		return branch.put(edit, key, sum, depth)
	}
	m = m.own(edit)
	m.stale = true
	n := nibble(key, depth)
	m.kids[n] = m.kids[n].put(edit, key, sum, depth+1)
	return m
}

// remove takes key out; a branch left with a single leaf becomes that leaf.
func (m *merkle) remove(edit uint64, key *[32]byte, depth int) *merkle {
	if m == nil {
		return nil
	}
	if m.kids == nil {
		if m.key == *key {
			return nil
		}
		return m
	}
	m = m.own(edit)
	m.stale = true
	n := nibble(key, depth)
	m.kids[n] = m.kids[n].remove(edit, key, depth+1)
	var only *merkle
	count := 0
	for _, kid := range m.kids {
		if kid != nil {
			only = kid
			count++
		}
	}
	switch {
	case count == 0:
		return nil
	case count == 1 && only.kids == nil:
		return only
	}
	return m
}

// root makes the stale sums anew and returns the topmost.
func (m *merkle) root() [32]byte {
	if m == nil {
		return sha256.Sum256(nil)
	}
	if m.kids == nil || !m.stale {
		return m.sum
	}
	var buf [3 + 16*32]byte
	buf[0] = 1 // a branch; leaves start with 0
	data := buf[:3]
	for n, kid := range m.kids {
		if kid == nil {
			continue
		}
		buf[1+n/8] |= 1 << (n % 8)
		sum := kid.root()
		data = append(data, sum[:]...)
	}
	m.sum, m.stale = sha256.Sum256(data), false
	return m.sum
}
