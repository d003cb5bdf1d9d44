package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// Policy is what somebody trusts, in one file:
//
//	{"logs": [{
//	  "key": "assent.local/ledger/8f81…+1234abcd+A…",
//	  "cosigner": "assent.local/ledger/8f81…+5678abcd+A…",
//	  "witnesses": ["one.example+…", "two.example+…", "three.example+…"],
//	  "quorum": 2,
//	  "fresh": "1h"
//	}]}
//
// Each log is known by its key, whose name is the log's; a log that is not named is not
// trusted. What else is said of it is asked of what it publishes, as by Options.
type Policy struct {
	Logs []Trust `json:"logs"`
}

// Trust is what is asked of one log.
type Trust struct {
	Key       string   `json:"key"`                 // Options.VKey
	Cosigner  string   `json:"cosigner,omitempty"`  // Options.Cosigner
	Witnesses []string `json:"witnesses,omitempty"` // Options.Witnesses
	Quorum    int      `json:"quorum,omitempty"`    // Options.Quorum: all, if not given
	Fresh     string   `json:"fresh,omitempty"`     // Options.Fresh, as in 1h30m
}

// maxTrusted bounds the logs, and the witnesses of one, in a policy.
const maxTrusted = 1024

// ReadPolicy reads a policy strictly: what it does not know, or what would be no
// policy, is an error.
func ReadPolicy(data []byte) (*Policy, error) {
	var p Policy
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	err := ledger.CheckJSON(data)
	if err == nil {
		err = in.Decode(&p)
	}
	if err == nil && (len(p.Logs) == 0 || len(p.Logs) > maxTrusted) {
		err = fmt.Errorf("it names %d logs", len(p.Logs))
	}
	seen := map[string]bool{}
	for _, t := range p.Logs {
		if err != nil {
			break
		}
		var name string
		if name, err = t.check(); err == nil && seen[name] {
			err = fmt.Errorf("the log %s is named twice", name)
		}
		seen[name] = true
	}
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	return &p, nil
}

// check returns the log's name.
func (t Trust) check() (string, error) {
	key, err := note.NewVerifier(t.Key)
	if err != nil {
		return "", fmt.Errorf("the key %q: %w", t.Key, err)
	}
	if _, err := tlog.PublicKey(t.Key); err != nil {
		return "", fmt.Errorf("the key %q: %w", t.Key, err)
	}
	if t.Cosigner != "" {
		second, err := tlog.ParseCosignKey(t.Cosigner)
		if err == nil && second.Name() != key.Name() {
			err = errors.New("it is of another log")
		}
		if err != nil {
			return "", fmt.Errorf("the cosigner %q: %w", t.Cosigner, err)
		}
	}
	seen := map[string]bool{}
	for _, vkey := range t.Witnesses {
		w, err := tlog.NewWitness(vkey)
		if err == nil && seen[w.VKey()] {
			err = errors.New("it is named twice")
		}
		if err != nil {
			return "", fmt.Errorf("the witness %q: %w", vkey, err)
		}
		seen[w.VKey()] = true
	}
	fresh, err := t.fresh()
	switch {
	case err != nil || fresh < 0:
		return "", fmt.Errorf("fresh %q is no length of time, such as 1h", t.Fresh)
	case len(t.Witnesses) > maxTrusted || t.Quorum < 0 || t.Quorum > len(t.Witnesses):
		return "", fmt.Errorf("a quorum of %d of %d witnesses", t.Quorum, len(t.Witnesses))
	case t.Fresh != "" && len(t.Witnesses) == 0:
		return "", errors.New("fresh is for what witnesses cosign, and there are none")
	}
	return key.Name(), nil
}

func (t Trust) fresh() (time.Duration, error) {
	if t.Fresh == "" {
		return 0, nil
	}
	return time.ParseDuration(t.Fresh)
}

// trust takes from the policy, if there is one, what is asked of a log.
func (v *run) trust(origin string) error {
	if v.opts.Policy == nil {
		return nil
	}
	for _, t := range v.opts.Policy.Logs {
		if name, _, _ := strings.Cut(t.Key, "+"); name == origin {
			fresh, err := t.fresh()
			v.opts.VKey, v.opts.Cosigner, v.opts.Witnesses, v.opts.Quorum, v.opts.Fresh = t.Key, t.Cosigner, t.Witnesses, t.Quorum, fresh
			return err
		}
	}
	v.report.Origin = origin
	v.report.problem(NoIndex, Untrusted, "the policy does not name the log %s", origin)
	return errStop
}
