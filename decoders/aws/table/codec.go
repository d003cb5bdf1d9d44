package table

import (
	"encoding/binary"
	"errors"
)

// errShort ends the reading of a table that is shorter than it says.
var errShort = errors.New("table is cut short or damaged")

// maxCount bounds every count read from a table: the largest real one, EC2's
// strings, is under twenty thousand. It keeps a damaged file from asking for
// memory without end.
const maxCount = 1 << 18

// cursor reads the primitives of the format: varints, strings, flags. The first
// error sticks.
type cursor struct {
	data []byte
	strs []string
	err  error
}

func (c *cursor) uint() int {
	v, n := binary.Uvarint(c.data)
	if n <= 0 || v > maxCount*64 {
		c.err = errShort
		c.data = nil
		return 0
	}
	c.data = c.data[n:]
	return int(v)
}

// count reads a length that the rest of the data has to bear out.
func (c *cursor) count() int {
	n := c.uint()
	if n > maxCount || n > len(c.data) {
		c.err = errShort
		return 0
	}
	return n
}

func (c *cursor) byte() byte {
	if len(c.data) == 0 {
		c.err = errShort
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return b
}

func (c *cursor) raw() string {
	n := c.count()
	if n > len(c.data) {
		c.err = errShort
		return ""
	}
	s := string(c.data[:n])
	c.data = c.data[n:]
	return s
}

// str reads a reference into the string table.
func (c *cursor) str() string {
	i := c.uint()
	if i >= len(c.strs) {
		c.err = errShort
		return ""
	}
	return c.strs[i]
}

func (c *cursor) list() []string {
	n := c.count()
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = c.str()
	}
	return out
}

// strings reads the string table that starts every block.
func (c *cursor) strings() {
	n := c.count()
	c.strs = make([]string, n)
	for i := range c.strs {
		c.strs[i] = c.raw()
	}
}

// writer is the other side of cursor. Strings are numbered by first use.
type writer struct {
	body []byte
	strs []string
	ids  map[string]int
}

func newWriter() *writer {
	w := &writer{ids: map[string]int{}}
	w.id("")
	return w
}

func (w *writer) id(s string) int {
	if i, ok := w.ids[s]; ok {
		return i
	}
	w.ids[s] = len(w.strs)
	w.strs = append(w.strs, s)
	return len(w.strs) - 1
}

func (w *writer) uint(n int)   { w.body = binary.AppendUvarint(w.body, uint64(n)) }
func (w *writer) byte(b byte)  { w.body = append(w.body, b) }
func (w *writer) str(s string) { w.uint(w.id(s)) }
func (w *writer) list(l []string) {
	w.uint(len(l))
	for _, s := range l {
		w.str(s)
	}
}

// bytes returns the string table followed by what was written.
func (w *writer) bytes() []byte {
	out := binary.AppendUvarint(nil, uint64(len(w.strs)))
	for _, s := range w.strs {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	return append(out, w.body...)
}

// flags packs and unpacks booleans, lowest bit first.
func packFlags(on ...bool) int {
	n := 0
	for i, b := range on {
		if b {
			n |= 1 << i
		}
	}
	return n
}

func unpackFlags(n int, on ...*bool) {
	for i, b := range on {
		*b = n&(1<<i) != 0
	}
}
