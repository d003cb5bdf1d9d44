package proxy

import "sync"

// Passed counts what went by blind to one ungoverned host.
type Passed struct {
	Times     int64 // tunnels and plain requests
	BytesUp   int64 // from the client
	BytesDown int64 // to the client
}

// Stats is what a server saw so far.
type Stats struct {
	// Passed has one entry an ungoverned host; past a bound (1,024) the rest are
	// counted together as OtherHosts.
	Passed map[string]Passed
	// Judged, Refused and TurnedAway count governed calls: all that reached the
	// gate, those it refused, those refused at the door.
	Judged, Refused, TurnedAway int64
	// Tunnels and Requests are how many are open now; Bodies is how many bytes of
	// bodies are held to be judged.
	Tunnels, Requests int
	Bodies            int64
	// Bounds is how often each bound was met: tunnels, requests, bodies, body, slow.
	Bounds map[string]int64
}

// OtherHosts stands for the hosts that are not counted on their own.
const OtherHosts = "(others)"

type passedTable struct {
	mu     sync.Mutex // guards byHost
	byHost map[string]Passed
}

func (t *passedTable) add(host string, times, up, down int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.byHost[host]; !ok && len(t.byHost) >= hostsCounted {
		host = OtherHosts
	}
	p := t.byHost[host]
	p.Times, p.BytesUp, p.BytesDown = p.Times+times, p.BytesUp+up, p.BytesDown+down
	t.byHost[host] = p
}

func (t *passedTable) copy() map[string]Passed {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[string]Passed, len(t.byHost))
	for h, p := range t.byHost {
		out[h] = p
	}
	return out
}
