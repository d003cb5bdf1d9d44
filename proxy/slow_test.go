package proxy

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
)

// A client that stops in the middle of an upload, or no longer takes its answer,
// does not hold the upstream for ever, over h1 and h2; and a stream that only rests
// is not broken off.
func TestSlowClientsAreDropped(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("an upload, h2 %v", h2), func(t *testing.T) {
			b := newBench(t, nil)
			b.srv.patience = 200 * time.Millisecond
			ended := make(chan error, 1)
			addr := b.upstream("slow.governed.test", h2, func(_ http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				ended <- err
			})
			body, stop := io.Pipe()
			defer stop.Close()
			go func() { _, _ = stop.Write([]byte("some, and no more")) }()
			req, _ := http.NewRequest(http.MethodPut, "https://"+addr+"/stream/x", body)
			req.ContentLength = 1 << 20
			go func() { readAll2(b.client(h2).Do(req)) }()
			if err := <-ended; err == nil {
				t.Error("the upstream took it for whole")
			}
			eventually(t, func() bool { return len(b.gate.outcomes()) == 1 })
			if o := b.gate.outcomes()[0]; o.Result != ledger.Unresolved {
				t.Errorf("outcome %+v", o)
			}
			eventually(t, func() bool { return b.srv.Stats().Bounds[boundSlow] == 1 })
		})
		t.Run(fmt.Sprintf("an answer, h2 %v", h2), func(t *testing.T) {
			b := newBench(t, nil)
			b.srv.patience = 200 * time.Millisecond
			ended := make(chan struct{})
			addr := b.upstream("slow.governed.test", h2, func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				_, _ = io.Copy(w, zeroReader{})
			})
			resp, err := b.client(h2).Get("https://" + addr + "/endless")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			<-ended // though nobody reads
			eventually(t, func() bool { return b.srv.Stats().Bounds[boundSlow] == 1 })
		})
		t.Run(fmt.Sprintf("a watch that rests, h2 %v", h2), func(t *testing.T) {
			b := newBench(t, nil)
			b.srv.patience = 50 * time.Millisecond
			next := make(chan struct{})
			addr := b.upstream("rest.governed.test", h2, func(w http.ResponseWriter, _ *http.Request) {
				for range 2 {
					_, _ = w.Write(make([]byte, 2*copyBuffer))
					_ = http.NewResponseController(w).Flush()
					<-next
				}
			})
			resp, err := b.client(h2).Get("https://" + addr + "/watch")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			for range 2 {
				if _, err := io.ReadFull(resp.Body, make([]byte, 2*copyBuffer)); err != nil {
					t.Fatal(err)
				}
				<-time.After(4 * b.srv.patience) // the resting is what is tested
				next <- struct{}{}
			}
			if _, err := resp.Body.Read(make([]byte, 1)); err != io.EOF {
				t.Error(err)
			}
		})
	}
}
