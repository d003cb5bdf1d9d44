// Package client finds out, for every client program that is installed, whether it
// comes by where `assent run` leads it and believes the authority of a run. Each is
// really run, in the environment of a run, to call a host that is not in any DNS: a
// proxy of this package's own answers for it, or nobody does.
//
// Nothing is sent to anybody else but what a client sends by itself (a resolver is
// asked for the host, a program may look for updates), and nothing is left behind.
package client

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Result is what was seen of one client.
type Result struct {
	Client  string `json:"client"`  // and which of its ways: node fetch
	Program string `json:"program"` // the path
	Proxied bool   `json:"proxied"` // it came to the proxy
	Trusts  bool   `json:"trusts"`  // it believed the authority, and its request was read
	Capture bool   `json:"capture"` // only --capture would hold it
	Detail  string `json:"detail"`
	Repair  string `json:"repair,omitempty"`
}

// Failed reports whether something would be in the way of a client that comes by.
func (r Result) Failed() bool { return r.Proxied && !r.Trusts }

// Params is what is needed.
type Params struct {
	Environ []string
	OS      string
	Now     func() time.Time
	Rand    io.Reader
}

const (
	// Limit bounds one client: gcloud takes seconds to begin, a JVM compiles first.
	Limit = 45 * time.Second
	// atOnce bounds those that are tried at the same time.
	atOnce = 2
)

// Run tries every client that is installed.
func Run(ctx context.Context, p Params) (all []Result, err error) {
	probe, err := newProbe(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, probe.close()) }()
	var found []*trial
	for _, c := range table() {
		path, err := exec.LookPath(c.program)
		if err != nil {
			continue
		}
		found = append(found, &trial{client: c, path: path})
	}
	turns := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for _, t := range found {
		wait.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.run(ctx, probe)
			}
		})
	}
	wait.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err() // who was stopped has shown nothing
	}
	for _, t := range found {
		if !t.absent {
			all = append(all, t.result)
		}
	}
	return all, nil
}

// trial is one client being tried.
type trial struct {
	client
	path   string
	result Result
	absent bool // the program is there, and what it would need is not
}

// notThere is the exit code by which our scripts say that a library is missing.
const notThere = 77

// settling is how long the proxy may take to see what a client has done that has
// ended: far above a scheduler's delay, and met only by clients that do not call.
const settling = 2 * time.Second

func (t *trial) run(ctx context.Context, p *probe) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	host := strings.ToLower(strings.ReplaceAll(t.name, " ", "-")) + domain
	call, err := t.call(p, "https://"+host)
	if err != nil {
		t.result = Result{Client: t.name, Program: t.path, Detail: "not tried: " + err.Error(), Repair: "see assent doctor"}
		return
	}
	cmd := exec.CommandContext(ctx, t.path, call.args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = append(append([]string{}, p.env...), call.env...), p.dir, time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == notThere {
		t.absent = true
		return
	}
	looked := strings.Contains(string(out), host) || strings.Contains(string(out), "UnknownHost") || strings.Contains(string(out), "UnresolvedAddress")
	wait := settling
	if looked {
		wait = 0 // it went past: nothing is on its way
	}
	t.result = t.verdict(p.seen(host, wait), lastLine(out, err), ctx.Err() != nil, looked)
}

// verdict puts what the proxy saw into words. A client that looked for the host by
// itself goes past; of one that did something else, nothing is known.
func (t *trial) verdict(s sight, said string, late, looked bool) Result {
	r := Result{Client: t.name, Program: t.path, Proxied: s.called || s.distrusted, Trusts: s.called}
	switch {
	case s.called:
		r.Detail = "goes through assent, and believes a run's authority"
	case s.distrusted:
		r.Detail = "goes through assent, and does not believe a run's authority: " + said
		r.Repair = "see that nothing (a profile, a flag, an rc file) sets another CA for it; in a run it is told by " + t.trust
	case late:
		r.Detail = "did not end within " + Limit.String()
		r.Repair = "try again on a quieter machine"
	case !looked:
		r.Detail = "did not call at all; it says: " + said
		r.Repair = "see what keeps it from calling, and try again"
	default:
		r.Capture = true
		r.Detail = "goes past assent: needs capture mode; it says: " + said
		r.Repair = "assent run --capture -- CMD"
		if t.instead != "" {
			r.Repair += ", or " + t.instead
		}
	}
	return r
}

func lastLine(out []byte, err error) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" && err != nil {
		last = err.Error()
	}
	if len(last) > 200 {
		last = last[:200]
	}
	if last == "" {
		last = "nothing"
	}
	return last
}

// write puts a file into the probe's folder.
func (p *probe) write(name, content string) (string, error) {
	path, err := p.room.Write(name, []byte(content))
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	return path, err
}
