package config

import (
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/proxy"
)

// The fields of limits, in the order in which they are shown.
func limitFields() []string {
	return []string{"tunnels", "requests", "bodies", "body", "header", "idle"}
}

// limits reads the bounds. What is not named keeps its default.
func (r reader) limits(n *yaml.Node) (proxy.Limits, error) {
	l := proxy.DefaultLimits()
	err := r.fields(n, limitFields(), func(key string, _, value *yaml.Node) (err error) {
		switch key {
		case "tunnels":
			l.Tunnels, err = r.number(value, proxy.MostTunnels)
		case "requests":
			l.Requests, err = r.number(value, proxy.MostRequests)
		case "bodies":
			l.Bodies, err = r.size(value, proxy.MostBody)
		case "body":
			l.Body, err = r.size(value, proxy.MostBody)
		case "header":
			l.Header, err = r.duration(value, time.Second, proxy.MostHeader)
		case "idle":
			l.Idle, err = r.duration(value, time.Second, proxy.MostIdle)
		}
		return err
	})
	if err == nil && l.Body > l.Bodies {
		err = r.bad(n, "body (%s) is more than one actor may hold, bodies (%s)", sizeText(l.Body), sizeText(l.Bodies))
	}
	return l, err
}

func (r reader) number(n *yaml.Node, most int) (int, error) {
	s, err := r.text(n)
	if err != nil {
		return 0, err
	}
	v, bad := strconv.Atoi(s)
	if bad != nil || v < 1 || v > most {
		return 0, r.bad(n, "%q is not a number from 1 to %d", s, most)
	}
	return v, nil
}

// size reads a number of bytes, with KiB, MiB or GiB.
func (r reader) size(n *yaml.Node, most int64) (int64, error) {
	s, err := r.text(n)
	if err != nil {
		return 0, err
	}
	number, unit := strings.TrimSpace(s), int64(1)
	for _, u := range sizeUnits() {
		if cut, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(cut), u.bytes
			break
		}
	}
	v, bad := strconv.ParseInt(number, 10, 64)
	if bad != nil || v < 1 || v > most/unit {
		return 0, r.bad(n, "%q is not a size up to %s; expected such as 16MiB", s, sizeText(most))
	}
	return v * unit, nil
}

func (r reader) duration(n *yaml.Node, least, most time.Duration) (time.Duration, error) {
	s, err := r.text(n)
	if err != nil {
		return 0, err
	}
	v, bad := time.ParseDuration(s)
	if bad != nil || v < least || v > most {
		return 0, r.bad(n, "%q is not a length of time from %s to %s; expected such as %s", s, least, most, most)
	}
	return v, nil
}

type sizeUnit struct {
	name  string
	bytes int64
}

func sizeUnits() []sizeUnit { return []sizeUnit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} }

func sizeText(n int64) string {
	for _, u := range sizeUnits() {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// limitsShown is how `assent config` shows the bounds.
func limitsShown(l proxy.Limits) map[string]any {
	return map[string]any{
		"tunnels": l.Tunnels, "requests": l.Requests, "bodies": sizeText(l.Bodies), "body": sizeText(l.Body),
		"header": l.Header.String(), "idle": l.Idle.String(),
	}
}

// AdminOff is the value of admin that turns the door off.
const AdminOff = "off"

// admin reads where the daemon's own door is: a socket, an address of this machine,
// or off.
func (r reader) admin(n *yaml.Node) (string, error) {
	s, err := r.text(n)
	if err != nil || s == AdminOff {
		return s, err
	}
	if strings.Contains(s, ":") && !strings.ContainsAny(s, `/\`) {
		return r.address(n)
	}
	return r.path(n)
}
