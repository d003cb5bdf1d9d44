package engine

import (
	"fmt"
	"testing"
)

// What came by the proxy itself is no news, as far as anybody remembers.
func TestWhatWasSentIsRememberedWithinBounds(t *testing.T) {
	var s sent
	for i := range maxSent + 10 {
		s.add(fmt.Sprint(i))
		s.add(fmt.Sprint(i))
	}
	if s.has("9") || !s.has("10") || !s.has(fmt.Sprint(maxSent+9)) || s.has("") || len(s.ids) != maxSent || len(s.ring) != maxSent {
		t.Errorf("%d ids in a ring of %d", len(s.ids), len(s.ring))
	}
}
