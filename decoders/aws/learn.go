package aws

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/identify"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// maxObservations bounds what one answer can teach: a page of any Describe call
// holds at most 1,000 entries.
const maxObservations = 1000

// Learn reads the answer to a successful call: what Describe, List and Get calls
// show, what a creation made, what a deletion ended, and which two things a
// registration tied together.
func (d *Decoder) Learn(c decoders.Call, resp *decoders.Response) []model.Observation {
	if resp == nil || resp.Status < 200 || resp.Status > 299 {
		return nil
	}
	r, err := d.identifier.Identify(c)
	if err != nil || r.Operation == nil {
		return nil
	}
	out, err := wire.DecodeOutput(r.Operation, r.Protocol, resp)
	unread := err != nil
	if unread {
		out = map[string]any{}
	}
	d.learnAccount(r, out)
	d.remember(r.Operation, r.Protocol, r.Labels, c, out, d.scene(r))
	l := &lesson{op: r.Operation, hand: d.hand, at: d.scene(r), source: "aws " + r.Service.Name + ":" + r.Operation.Name}
	word, rest := cutWord(r.Operation.Name)
	l.whole = word == "Describe"
	l.entry(singular(rest), out, r.Operation.Output, 0, "")
	if len(l.out) == 1 && l.out[0].Resource.Tags == nil {
		l.out[0].Resource.Tags = tags(out) // beside the thing, not in it
	}
	verb := verbOf(r.Operation)
	if !verb.Mutates() && (unread || len(l.out) > 0 || !l.aboutOne()) {
		return l.out
	}
	in, err := wire.DecodeInput(r.Operation, r.Protocol, c, wire.Options{Labels: r.Labels})
	switch {
	case err != nil || dryRun(r.Operation, in.Params):
		return nil
	case verb.Mutates():
		l.changed(verb, singular(rest), in.Params)
	default:
		l.shown(verb, singular(rest), in.Params, out)
	}
	return l.out
}

// aboutOne reports an operation whose answer is about the one thing that the call
// names, and need not name it again: GetQueueAttributes, ListTagsForResource.
func (l *lesson) aboutOne() bool {
	word, rest := cutWord(l.op.Name)
	return word == "Get" || word == "Describe" || word == "List" && strings.Contains(rest, "Tags")
}

// shown reads an answer about the one thing that the call names. What it says is
// kept under the operation's own noun, so that the Status of one part is not taken
// for another's; of a secret only that it is there. A call may name a role or a
// secret by less than its ARN: what it shows is then of nobody known.
func (l *lesson) shown(verb model.Verb, noun string, params, out map[string]any) {
	found, mainType, whole := l.hand.targets(l.op, verb, params, l.at)
	found = slices.DeleteFunc(found, func(t model.Target) bool { return t.Role == model.RoleDependency })
	if !whole || len(found) != 1 || strings.HasPrefix(found[0].Type, "iam:") || found[0].Type == "secretsmanager:Secret" || strings.Contains(string(found[0].URN), "*") || mainType != "" && found[0].Type != mainType {
		return
	}
	var attrs json.RawMessage
	tagged := tags(out)
	for _, v := range out { // ResourceTagSet
		if inner, ok := v.(map[string]any); ok && tagged == nil {
			tagged = tags(inner)
		}
	}
	if tagged == nil && verb != model.Reveal && len(out) > 0 {
		var err error
		if attrs, err = json.Marshal(map[string]any{noun: out}); err != nil {
			return
		}
	}
	r := l.resource(string(found[0].URN), found[0].Type, nil, attrs)
	r.Tags = tagged
	l.add(model.Observation{Resource: r})
}

// learnAccount remembers whose an access key is.
func (d *Decoder) learnAccount(r identify.Result, out map[string]any) {
	account, _ := out["Account"].(string)
	if r.Service.Name != "sts" || r.Operation.Name != "GetCallerIdentity" || account == "" || r.AccessKey == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.accounts) >= maxKeys {
		clear(d.accounts)
	}
	d.accounts[r.AccessKey] = account
}

// changed reads what a successful change did to the targets that it names.
func (l *lesson) changed(verb model.Verb, noun string, params map[string]any) {
	word, _ := cutWord(l.op.Name)
	found, mainType, _ := l.hand.targets(l.op, verb, params, l.at)
	var primary model.Target
	var others []model.Target
	for _, t := range found {
		known := !strings.Contains(string(t.URN), "*")
		switch {
		case (verb == model.Delete || firstWord[word] == model.Delete) && t.Role == model.RoleTarget && known && l.itself(t.Type, noun):
			l.add(model.Observation{Resource: model.Resource{URN: t.URN, Platform: Name, Type: t.Type, Source: l.source}, Gone: true})
		case (t.Role == model.RoleCreated || word == "Put" && l.itself(t.Type, noun)) && known && !l.hasType(t.Type):
			attrs, err := json.Marshal(params)
			if err != nil {
				continue
			}
			l.add(model.Observation{Resource: l.resource(string(t.URN), t.Type, params, attrs)})
		}
		if primary.URN == "" && t.Role != model.RoleDependency && (mainType == "" || t.Type == mainType) && !strings.HasSuffix(string(t.URN), ":*") {
			primary = t
		} else if t.URN != primary.URN && !strings.HasSuffix(string(t.URN), "*") {
			others = append(others, t)
		}
	}
	if primary.URN == "" || len(others) == 0 || primary.Role == model.RoleCreated {
		return
	}
	ties := make([]model.Relation, 0, len(others))
	for _, t := range others {
		ties = append(ties, model.Relation{From: primary.URN, To: t.URN, Type: model.References, Source: l.source})
	}
	o := model.Observation{Resource: model.Resource{URN: primary.URN, Platform: Name, Type: primary.Type, Account: l.at.account, Region: l.at.region, Source: l.source}}
	switch verb {
	case model.Attach, model.Create:
		o.Relations = ties
	case model.Detach:
		o.Cut = ties
	default:
		return
	}
	l.add(o)
}

// itself reports whether an operation's noun is the resource, not a part of it:
// DeleteBucket ends a bucket, DeleteBucketPolicy does not.
func (l *lesson) itself(resourceType, n string) bool {
	for _, r := range l.op.Service.ResourceTypes {
		if r.Name == resourceType {
			return (&targeting{op: l.op, noun: n}).makes(&r)
		}
	}
	return strings.HasPrefix(resourceType, "ec2:") && noun(resourceType) == n
}
