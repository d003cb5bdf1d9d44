package proxy

import (
	"net/http"
	"sync/atomic"
	"testing"
)

// Law 2: over h2 a :path may hold a space; over HTTP/1.1 that would end the
// target, and the upstream would act on less than what was judged.
func TestLaw2ATargetWithASpaceIsNotForwarded(t *testing.T) {
	var came atomic.Int64
	b := newBench(t, nil)
	addr := b.upstream("good.governed.test", false, func(http.ResponseWriter, *http.Request) { came.Add(1) })
	for _, path := range []string{
		"/prod HTTP/1.1", "/?Action=Terminate&Id=prod HTTP/1.1&DryRun=true", "/a b", "/a\tb", "/a\x01b", "/a\r\nX-Evil: 1", "/a\x7fb",
	} {
		for _, method := range []string{"GET", "DELETE"} {
			fields := []string{":method", method, ":scheme", "https", ":authority", addr, ":path", path}
			if status := h2Status(t, b.tunnel(addr, "good.governed.test", "h2"), fields); status == "200" {
				t.Errorf("%s %q answered %s", method, path, status)
			}
		}
	}
	if n := came.Load(); n != 0 {
		t.Errorf("%d calls reached the upstream", n)
	}
	if n := len(b.gate.calls()); n != 0 {
		t.Errorf("%d calls were judged", n)
	}
}
