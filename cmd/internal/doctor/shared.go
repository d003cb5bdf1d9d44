package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/store/postgres"
)

// sharedModel looks whether the model's database answers, and how old what a running
// daemon knows is.
func sharedModel(ctx context.Context, p Params) Result {
	max := p.Config.Store.MaxAge
	if max == 0 {
		max = config.DefaultMaxAge
	}
	s, err := postgres.New(ctx, postgres.Config{URL: p.Config.Store.URL, NewGraph: func() postgres.Graph { return graph.New(graph.Config{}) }})
	if err != nil {
		return fail(fixConfig, "%v", err)
	}
	defer s.Close()
	head, err := s.Head(ctx)
	st, running := daemonModel(ctx, p.Config.Admin)
	age := ""
	if running {
		age = "; the daemon here " + aged(st)
	}
	switch {
	case err != nil && postgres.Missing(err):
		return ok("%s answers; the tables will be made", s.Place())
	case err != nil:
		return fail("bring the database back; see store: in assent.yaml (user, network, TLS)",
			"%v; running proxies go on by what they know, and destroy nothing once it is %s old%s", err, max, age)
	case running && (st.Age < 0 || st.Age > max.Seconds()):
		return fail("see the daemon's log: the database answers from here", "%s answers%s", s.Place(), age)
	}
	leases, err := s.Leases(ctx)
	if err != nil {
		return fail("see whether the tables are whole", "%v", err)
	}
	return ok("%s answers: event %d, %d leases held%s", s.Place(), head, len(leases), age)
}

// aged says how old a model is.
func aged(st postgres.Status) string {
	switch {
	case st.Age < 0:
		return "has never reached it"
	case st.Why != "":
		return fmt.Sprintf("has not heard from it for %s", (time.Duration(st.Age * float64(time.Second))).Round(time.Second))
	}
	return fmt.Sprintf("knows everything as of %.0f s ago (event %d)", st.Age, st.Seq)
}

// daemonModel asks a daemon at its own door; false: there is none.
func daemonModel(ctx context.Context, door string) (st postgres.Status, running bool) {
	ctx, end := context.WithTimeout(ctx, time.Second)
	defer end()
	network := "tcp"
	if filepath.IsAbs(door) {
		network = "unix"
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if door == "" || door == config.AdminOff {
			return nil, errors.New("no door")
		}
		return (&net.Dialer{}).DialContext(ctx, network, door)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://daemon/model", nil)
	if err != nil {
		return st, false
	}
	resp, err := client.Do(req)
	if err != nil {
		return st, false
	}
	defer resp.Body.Close()
	return st, resp.StatusCode == http.StatusOK && json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<16)).Decode(&st) == nil
}
