// Package doctor looks for what would keep Assent from doing its work on this
// machine, and says for each finding what to do. `assent doctor` prints it.
//
// The checks are a table (table.go), run side by side and each for at most
// Limit. They change nothing: what they need they make in a private folder and
// remove, and they send nothing over the network but to their own loopback
// server.
package doctor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/model/intent"
)

// Limit bounds one check: people wait for the doctor.
const Limit = 4 * time.Second

// Status is what a check came to. The zero value is Fail.
type Status uint8

// The statuses.
const (
	Fail Status = iota // it does not work
	Warn               // it works, but not as one might think
	OK
)

// String returns ok, warn or fail.
func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case Warn:
		return "warn"
	}
	return "fail"
}

// MarshalText writes the status as its word.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Result is what one check found. Repair is there unless Status is OK.
type Result struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Repair string `json:"repair,omitempty"`
}

// Params is what the checks look at.
type Params struct {
	Config    *config.Config // nil when ConfigErr is set
	ConfigErr error          // what config.Load said
	// Compile reports whether declared documents would be accepted; nil checks
	// their form alone.
	Compile func(*intent.Set) error
	Environ []string
	Getenv  func(string) string // nil: looks into Environ
	Home    string
	OS      string // runtime.GOOS
	Now     func() time.Time
	Rand    io.Reader
}

// check is one row of the table.
type check struct {
	name string
	run  func(context.Context, Params) Result
}

// Run runs every check and returns the results in the order of the table.
func Run(ctx context.Context, p Params) []Result {
	if p.Getenv == nil {
		p.Getenv = func(name string) string {
			for _, v := range p.Environ {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value
				}
			}
			return ""
		}
	}
	all := table()
	results := make([]Result, len(all))
	var wait sync.WaitGroup
	for i, c := range all {
		wait.Go(func() { results[i] = one(ctx, c, p) })
	}
	wait.Wait()
	return results
}

// Failed reports whether a check failed.
func Failed(results []Result) bool {
	for _, r := range results {
		if r.Status == Fail {
			return true
		}
	}
	return false
}

func one(ctx context.Context, c check, p Params) (r Result) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			r = Result{Status: Fail, Detail: fmt.Sprintf("the check itself failed: %v", v), Repair: "report this, with the output of assent version"}
		}
		r.Name = c.name
	}()
	return c.run(ctx, p)
}

func ok(format string, args ...any) Result {
	return Result{Status: OK, Detail: fmt.Sprintf(format, args...)}
}

func warn(repair, format string, args ...any) Result {
	return Result{Status: Warn, Detail: fmt.Sprintf(format, args...), Repair: repair}
}

func fail(repair, format string, args ...any) Result {
	return Result{Status: Fail, Detail: fmt.Sprintf(format, args...), Repair: repair}
}
