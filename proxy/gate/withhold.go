package gate

import (
	"encoding/json"
	"fmt"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// credentials are the headers that callers prove themselves with: who can show later
// what a call said shall not be able to make another.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Amz-Security-Token"}

// withhold makes a decision commit to its call as it was.
func (g *Gate) withhold(in proxy.Asked, d *policy.Decision) ([]ledger.Object, error) {
	if g.cfg.Withhold == nil || in.Call.URL == nil {
		return nil, nil
	}
	header := in.Call.Header.Clone()
	for _, name := range credentials {
		header.Del(name)
	}
	headers, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("withholding: %w", err)
	}
	parts := []ledger.Part{{Name: "request", Value: in.Call.Method + " " + in.Call.Scheme + "://" + in.Call.Host + in.Call.URL.RequestURI()}, {Name: "headers", Value: string(headers)}}
	if len(in.Call.Body) > 0 {
		parts = append(parts, ledger.Part{Name: "body", Value: string(in.Call.Body)})
	}
	commitments, o, err := g.cfg.Withhold(d.ID, parts)
	if err != nil {
		return nil, err
	}
	d.Withheld = commitments
	return []ledger.Object{o}, nil
}
