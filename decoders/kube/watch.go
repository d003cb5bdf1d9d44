package kube

import (
	"bytes"
	"mime"
	"net/http"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube/wire"
	"github.com/assent-iom/assent/model"
)

var _ decoders.Follower = (*Decoder)(nil)

// Follows reports the watches that are read: their events are learnt as they pass.
func (d *Decoder) Follows(call decoders.Call, resp *decoders.Response) bool {
	if resp == nil || resp.Status != http.StatusOK || call.Method != http.MethodGet || call.URL == nil || !eventLines(resp) {
		return false
	}
	_, path, inside := d.find(call)
	if !inside {
		return false
	}
	route, err := RouteOf(call.Method, path, call.URL.Query())
	return err == nil && route.Resourceful && route.Verb == "watch"
}

// eventLines reports the spelling of events that is read: JSON. Watches in protobuf,
// which controllers use, teach nothing.
func eventLines(resp *decoders.Response) bool {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return media == typeJSON
}

// watched reads events of a watch: one JSON object a line, each with a type and the
// object as it then was. Only the last state of each object is taught.
func (l *lesson) watched(resp *decoders.Response) []model.Observation {
	if !eventLines(resp) {
		return nil
	}
	last := map[model.URN]int{} // where in out
	var out []model.Observation
	for line := range bytes.Lines(resp.Body) {
		if len(out) >= maxItems {
			break
		}
		value, err := wire.JSON(line)
		event, _ := value.(map[string]any)
		if err != nil || event == nil {
			break // cut short: what came before it stands
		}
		kind := text(event, "type")
		if kind != "ADDED" && kind != "MODIFIED" && kind != "DELETED" {
			continue // BOOKMARK, ERROR
		}
		one := &lesson{cluster: l.cluster, route: l.route}
		object := dict(event, "object")
		one.read(object, text(object, "apiVersion"), text(object, "kind"))
		for _, o := range one.seen {
			if kind == "DELETED" {
				o = model.Observation{Resource: model.Resource{URN: o.Resource.URN}, Gone: true}
			}
			if at, again := last[o.Resource.URN]; again {
				out[at] = o
				continue
			}
			last[o.Resource.URN] = len(out)
			out = append(out, o)
		}
	}
	return out
}
