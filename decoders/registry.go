package decoders

import (
	"fmt"
	"net"
	"path"
	"sort"
	"strings"
)

// Binding gives hosts to a platform by name: "*.corp.example" → aws. It wins
// over what decoders claim.
type Binding struct {
	Host     string // host or host:port, lower case; "*" matches within and across labels
	Platform string
}

// Registry finds the decoder of a call. It is immutable.
type Registry struct {
	decoders []Decoder
	bindings []Binding
}

// NewRegistry checks that names are unique and that bindings name a decoder.
func NewRegistry(all []Decoder, bindings []Binding) (*Registry, error) {
	seen := map[string]bool{}
	for _, d := range all {
		if seen[d.Name()] {
			return nil, fmt.Errorf("two decoders are called %q", d.Name())
		}
		seen[d.Name()] = true
	}
	r := &Registry{decoders: append([]Decoder(nil), all...)}
	for _, b := range bindings {
		if !seen[b.Platform] {
			return nil, fmt.Errorf("governed host %q: no decoder is called %q (there are %s)", b.Host, b.Platform, strings.Join(r.Names(), ", "))
		}
		if _, err := path.Match(b.Host, ""); err != nil {
			return nil, fmt.Errorf("governed host %q: %w", b.Host, err)
		}
		b.Host = strings.ToLower(b.Host)
		r.bindings = append(r.bindings, b)
	}
	return r, nil
}

// Names returns the names of the decoders, sorted.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.decoders))
	for _, d := range r.decoders {
		names = append(names, d.Name())
	}
	sort.Strings(names)
	return names
}

// Find returns the decoder of a call and its claim. No decoder: the call is not
// governed. Two decoders: an error, and the call MUST be refused.
func (r *Registry) Find(c Call) (Decoder, Claim, error) {
	for _, b := range r.bindings {
		if !HostMatches(b.Host, c.Host) {
			continue
		}
		for _, d := range r.decoders {
			if d.Name() == b.Platform {
				claim := d.Claims(c) // for the body it needs; the host is settled
				claim.Mine = true
				d, claim = r.overGRPC(c, d, claim)
				return d, claim, nil
			}
		}
	}
	var found Decoder
	var claim Claim
	for _, d := range r.decoders {
		got := d.Claims(c)
		if !got.Mine {
			continue
		}
		if found != nil {
			return nil, Claim{}, fmt.Errorf("host %s is claimed by both %s and %s", c.Host, found.Name(), d.Name())
		}
		found, claim = d, got
	}
	found, claim = r.overGRPC(c, found, claim)
	return found, claim, nil
}

// HostMatches reports whether host ("name" or "name:port") fits a pattern. A
// pattern without a port fits every port.
func HostMatches(pattern, host string) bool {
	pattern, host = strings.ToLower(pattern), strings.ToLower(host)
	if ok, _ := path.Match(pattern, host); ok {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		ok, _ := path.Match(pattern, name)
		return ok
	}
	return false
}
