package model

import (
	"encoding/json"
	"time"
)

// Built is what was executed through the proxy, and how it was found to be
// afterwards: what has changed since is drift.
type Built struct {
	URN  URN    `json:"urn"`
	Type string `json:"type"`
	// The last change that was executed: when, by whom, by which decision.
	At        time.Time `json:"at"`
	Actor     string    `json:"actor,omitempty"`
	Decision  string    `json:"decision,omitempty"`
	Operation string    `json:"operation,omitempty"`
	// Attrs and Tags are what a read after the change has shown, with all the defaults
	// that a service fills in; ReadAt is when. A zero ReadAt: not read back yet.
	Attrs  json.RawMessage   `json:"attrs,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
	ReadAt time.Time         `json:"read_at,omitzero"`
	// Held are fields that had drifted before the last change, which was not about them:
	// reading them back does not make them what was built.
	Held []string `json:"held"`
	// Made says who made it, if that was through the proxy.
	Made *Making `json:"made,omitempty"`
}

// Making is the change that made a resource.
type Making struct {
	At        time.Time `json:"at"`
	Actor     string    `json:"actor,omitempty"`
	Decision  string    `json:"decision"`
	Operation string    `json:"operation"`
}

// Settled reports whether the resource was read back after its last change.
func (b Built) Settled() bool { return !b.ReadAt.IsZero() && !b.ReadAt.Before(b.At) }
