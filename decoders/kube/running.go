package kube

import (
	"github.com/assent-iom/assent/decoders/kube/wire"
	"github.com/assent-iom/assent/model"
)

// Running says, in portable words, what an object is, as it was last read: what its
// kind is for, and what is known of it. Of a workload of which a collector keeps parts
// alone, nothing is said of its containers.
func Running(r model.Resource) (capability string, props []model.Property) {
	id := ParseURN(r.URN)
	group := id.Group
	if group == "core" {
		group = ""
	}
	rt := Route{Resourceful: true, Group: group, Resource: resources()[[2]string{group, id.Kind}], Namespace: id.Namespace}
	capability = capabilityOf(rt)
	value, err := wire.JSON(r.Attrs)
	object, _ := value.(map[string]any)
	if err != nil || object == nil {
		return capability, nil
	}
	if _, path := podSpec(group, id.Kind, object); path != "" && text(object, "apiVersion") == "" {
		return capability, nil
	}
	return capability, properties(rt, id.Kind, object, false, "")
}
