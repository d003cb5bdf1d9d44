package kube

import (
	"fmt"
	"net/url"
)

// Options are the options of a mutating request that matter to a judgement, as
// the server takes them.
type Options struct {
	DryRun            []string `json:"dryRun,omitempty"`
	PropagationPolicy string   `json:"propagationPolicy,omitempty"`
	OrphanDependents  *bool    `json:"orphanDependents,omitempty"`
	GracePeriod       string   `json:"gracePeriodSeconds,omitempty"`
	FieldManager      string   `json:"fieldManager,omitempty"`
	FieldValidation   string   `json:"fieldValidation,omitempty"`
	Force             bool     `json:"force,omitempty"`
	UID               string   `json:"preconditionUID,omitempty"`
}

// Dry reports whether the request changes nothing: dryRun is given and each of
// its values is exactly All. The server refuses any other value.
func (o Options) Dry() bool {
	for _, v := range o.DryRun {
		if v != "All" {
			return false
		}
	}
	return len(o.DryRun) > 0
}

func (o Options) empty() bool {
	return len(o.DryRun) == 0 && o.PropagationPolicy == "" && o.OrphanDependents == nil && o.GracePeriod == "" &&
		o.FieldManager == "" && o.FieldValidation == "" && !o.Force && o.UID == ""
}

// QueryOptions are the options of a create, update or patch, and of a delete
// without a body. Keys are case-sensitive; a pair with a ; in it does not exist.
func QueryOptions(verb string, query url.Values) Options {
	o := Options{DryRun: query["dryRun"]}
	switch verb {
	case "delete", "deletecollection":
		o.PropagationPolicy = query.Get("propagationPolicy")
		o.GracePeriod = query.Get("gracePeriodSeconds")
		o.UID = query.Get("uid")
		if query.Has("orphanDependents") {
			orphan := boolOption(query, "orphanDependents")
			o.OrphanDependents = &orphan
		}
	default:
		o.FieldManager = query.Get("fieldManager")
		o.FieldValidation = query.Get("fieldValidation")
		o.Force = verb == "patch" && boolOption(query, "force")
	}
	return o
}

// DeleteOptions reads DeleteOptions from the body of a delete. Any body, even
// {}, means that the query is not looked at.
func DeleteOptions(object map[string]any) (Options, error) {
	var o Options
	if kind := object["kind"]; kind != nil && kind != "" && kind != "DeleteOptions" {
		return o, fmt.Errorf("the body of a delete is of kind %v, not DeleteOptions", kind)
	}
	if list, given := object["dryRun"]; given && list != nil {
		values, ok := list.([]any)
		if !ok {
			return o, fmt.Errorf("dryRun is no list")
		}
		for _, v := range values {
			text, ok := v.(string)
			if !ok {
				return o, fmt.Errorf("dryRun holds something other than text")
			}
			o.DryRun = append(o.DryRun, text)
		}
	}
	o.PropagationPolicy, _ = object["propagationPolicy"].(string)
	if orphan, ok := object["orphanDependents"].(bool); ok {
		o.OrphanDependents = &orphan
	}
	if grace := object["gracePeriodSeconds"]; grace != nil {
		o.GracePeriod = fmt.Sprint(grace)
	}
	if pre, ok := object["preconditions"].(map[string]any); ok {
		o.UID, _ = pre["uid"].(string)
	}
	return o, nil
}
