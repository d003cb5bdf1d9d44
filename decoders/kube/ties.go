package kube

import (
	"encoding/json"

	"github.com/assent-iom/assent/decoders/kube/wire"
	"github.com/assent-iom/assent/model"
)

// Supposed is the object that a decoded change would make, as the model would see it.
// Of a patch whose result is not known it is what the patch says (not Whole). ok is
// false where the change makes no object that was read.
func Supposed(a model.Action) (o model.Observation, ok bool) {
	if a.Platform != Name || len(a.Targets) == 0 {
		return o, false
	}
	var params struct{ Object, Result, Patch json.RawMessage }
	if json.Unmarshal(a.Params, &params) != nil {
		return o, false
	}
	text, whole := params.Result, true
	if len(text) == 0 {
		text = params.Object
	}
	if len(text) == 0 {
		text, whole = params.Patch, false
	}
	value, err := wire.JSON(text)
	object, isObject := value.(map[string]any)
	if err != nil || !isObject {
		return o, false
	}
	target := a.Targets[0]
	id := ParseURN(target.URN)
	group := id.Group
	if group == groupName("") {
		group = ""
	}
	o = model.Observation{Whole: whole, Restates: whole, Resource: model.Resource{
		URN: target.URN, Platform: Name, Type: groupName(group) + "/" + id.Kind, Name: id.Name, Account: id.Cluster, Region: id.Namespace,
		Tags: texts(dict(object, "metadata"), "labels"), Attrs: text,
	}}
	o.Relations = relations(id.Cluster, target.URN, group, id.Kind, id.Namespace, object)
	return o, true
}
