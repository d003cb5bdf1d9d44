package evidence

import (
	"crypto/sha1"
	"fmt"
	"strings"

	"github.com/assent-iom/assent/ledger"
)

// CloudEvent is a decision as a CloudEvent 1.0 in JSON (https://cloudevents.io).
func CloudEvent(origin string, r Record) any {
	subject := ""
	if len(r.Targets) > 0 {
		subject = r.Targets[0]
	}
	return struct {
		SpecVersion string `json:"specversion"`
		ID          string `json:"id"`
		Source      string `json:"source"`
		Type        string `json:"type"`
		Subject     string `json:"subject,omitempty"`
		Time        string `json:"time"`
		ContentType string `json:"datacontenttype"`
		Schema      string `json:"dataschema"`
		Data        Record `json:"data"`
	}{"1.0", fmt.Sprintf("%s#%d", origin, r.Index), origin, "dev.assent.change-decision", subject, stamp(r.At), "application/json",
		ledger.KindDecision.PredicateType(), r}
}

// ocsfActivity is the activity_id of API Activity: 1 create, 2 read, 3 update,
// 4 delete, 99 other.
func ocsfActivity(verb string) (int, string) {
	switch verb {
	case "create":
		return 1, "Create"
	case "list", "read", "reveal":
		return 2, "Read"
	case "update", "scale", "enable", "disable", "attach", "detach", "grant":
		return 3, "Update"
	case "delete", "revoke":
		return 4, "Delete"
	}
	return 99, "Other"
}

type object = map[string]any

// OCSF is a decision as an API Activity event (class 6003) of OCSF 1.5 with the
// profile security_control (https://schema.ocsf.io/1.5.0/classes/api_activity).
func OCSF(origin string, r Record) any {
	activity, name := ocsfActivity(r.Verb)
	action, disposition, words := 2, 2, [2]string{"Denied", "Blocked"}
	switch {
	case r.Passed && r.Verdict == "allow":
		action, disposition, words = 1, 1, [2]string{"Allowed", "Allowed"}
		if len(r.Approvals) > 0 {
			disposition, words[1] = 8, "Approved"
		}
	case r.Passed:
		action, disposition, words = 3, 17, [2]string{"Observed", "Logged"}
	}
	statusID, status := 0, "Unknown"
	switch r.Outcome {
	case ledger.Succeeded:
		statusID, status = 1, "Success"
	case ledger.Failed:
		statusID, status = 2, "Failure"
	case "", ledger.NotForwarded:
		if !r.Passed {
			statusID, status = 2, "Failure"
		}
	}
	service, operation, _ := strings.Cut(r.Operation, ":")
	api := object{"operation": operation, "service": object{"name": service}}
	if r.RequestID != "" {
		api["request"] = object{"uid": r.RequestID}
	}
	if r.Status != 0 {
		api["response"] = object{"code": r.Status}
	}
	resources := []object{}
	for _, urn := range r.Targets {
		res := object{"uid": urn}
		if r.Owner != "" {
			res["owner"] = object{"name": r.Owner}
		}
		resources = append(resources, res)
	}
	who := r.Actor
	if who == "" {
		who = "unknown"
	}
	return object{
		"activity_id": activity, "activity_name": name, "category_uid": 6, "category_name": "Application Activity",
		"class_uid": 6003, "class_name": "API Activity", "type_uid": 600300 + activity, "type_name": "API Activity: " + name,
		"severity_id": 1, "severity": "Informational", "time": r.At.UnixMilli(), "status_id": statusID, "status": status,
		"action_id": action, "action": words[0], "disposition_id": disposition, "disposition": words[1],
		"metadata": object{"version": "1.5.0", "uid": fmt.Sprintf("%s#%d", origin, r.Index), "correlation_uid": r.ID, "log_name": origin,
			"product": object{"name": "Assent", "vendor_name": "Assent"}, "profiles": []string{"security_control"}},
		"actor": object{"user": object{"name": who, "type": r.ActorKind}}, "api": api, "resources": resources,
		"src_endpoint": object{"name": "unknown"}, // callers' addresses are not recorded
		"unmapped":     r,
	}
}

// OSCAL is a pack as assessment results of OSCAL 1.1
// (https://pages.nist.gov/OSCAL): one observation a control, none of them judged.
func OSCAL(p Pack) any {
	id := func(what string) string { return uuid(p.Head.Root.String() + " " + p.Params.Framework + " " + what) }
	title := "Evidence for " + frameworks()[p.Params.Framework].Title
	from, to := stamp(p.Params.From), stamp(p.Params.To)
	var include, observations []object
	collected := p.Until
	if collected.IsZero() {
		collected = p.Params.From
	}
	for _, c := range p.controls() {
		var says []string
		for _, e := range c.Evidence {
			says = append(says, e.Means+": "+e.Shows)
		}
		o := object{
			"uuid": id("observation " + c.Control), "title": c.Control, "description": c.Asks + " Recorded: " + strings.Join(says, "; ") + ".",
			"methods": []string{"EXAMINE"}, "types": []string{"control-objective"}, "collected": stamp(collected),
			"props":             []object{{"name": "control", "ns": "https://assent.dev/ns/oscal", "value": c.Control}},
			"relevant-evidence": []object{{"href": "../index.html", "description": "the pack that this is part of"}, {"href": "../population.csv", "description": "every decision of the period"}, {"href": "../log/checkpoint", "description": "the signed head that all of it is under"}},
		}
		if c.Lacks != "" {
			o["remarks"] = "Not in this evidence: " + c.Lacks + "."
		}
		observations = append(observations, o)
		include = append(include, object{"control-id": controlToken(c.Control)})
	}
	return object{"assessment-results": object{
		"uuid":      id("results"),
		"metadata":  object{"title": title, "last-modified": stamp(collected), "version": fmt.Sprint(Format), "oscal-version": "1.1.3"},
		"import-ap": object{"href": "../VERIFY.md", "remarks": "There is no assessment plan: what was recorded is handed over as it is."},
		"results": []object{{
			"uuid": id("result"), "title": title, "description": fmt.Sprintf("%d decisions, %d of them changes, from %s to %s, in the log %s.", len(p.Records), len(p.Changes), from, to, p.Head.Origin),
			"start": from, "end": to,
			"reviewed-controls": object{"control-selections": []object{{"include-controls": include}}},
			"observations":      observations,
		}},
	}}
}

// controlToken writes a control's name as an OSCAL token: ac-2.1 for AC-2(1).
func controlToken(id string) string {
	id = strings.ToLower(strings.NewReplacer("(", ".", ")", "").Replace(id))
	if id[0] >= '0' && id[0] <= '9' {
		id = "_" + id
	}
	return id
}

// uuid is a version 5 UUID of a name: the same pack has the same ones.
func uuid(name string) string {
	sum := sha1.Sum([]byte("https://assent.dev/ns/oscal " + name))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
