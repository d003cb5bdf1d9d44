package policydoc

import (
	"slices"
	"strings"
)

// The privileges, as the vocabulary of portable properties names them.
const (
	None     = "none"
	Read     = "read"
	Write    = "write"
	Admin    = "admin"
	Escalate = "escalate"
)

// escalations are the actions by which somebody can give himself more than he has:
// he writes policies, takes or hands on roles, or makes credentials for others.
var escalations = []string{
	"iam:passrole", "iam:createaccesskey", "iam:createloginprofile", "iam:updateloginprofile", "iam:attachuserpolicy",
	"iam:attachgrouppolicy", "iam:attachrolepolicy", "iam:putuserpolicy", "iam:putgrouppolicy", "iam:putrolepolicy",
	"iam:addusertogroup", "iam:updateassumerolepolicy", "iam:createpolicyversion", "iam:setdefaultpolicyversion",
	"iam:deleterolepermissionsboundary", "iam:deleteuserpermissionsboundary", "iam:putrolepermissionsboundary",
	"iam:putuserpermissionsboundary", "iam:createservicespecificcredential", "sso:putinlinepolicytopermissionset",
	"sso:attachmanagedpolicytopermissionset", "sso:createaccountassignment", "organizations:detachpolicy",
}

// reading are the words that a reading action's name starts with.
var reading = []string{"get", "list", "describe", "head", "batchget", "search", "query", "scan", "select", "view", "lookup", "check", "simulate", "validate"}

// Privilege says how much an identity's policy allows: all of AWS is admin; an
// action by which he could give himself more, short of that, is escalate.
// known is false if the document holds what cannot be told.
func (d Document) Privilege() (privilege string, known bool) {
	order := []string{None, Read, Write, Escalate, Admin}
	top := 0
	known = true
	for _, s := range d.statements {
		if !s.allow {
			continue
		}
		known = known && !s.unresolved
		top = max(top, slices.Index(order, s.privilege()))
	}
	return order[top], known || order[top] == Admin
}

func (s statement) privilege() string {
	everywhere := s.notRes || len(s.resources) == 0 || slices.Contains(s.resources, "*") || slices.ContainsFunc(s.resources, func(r string) bool { return match(r, "arn:aws:any:any:any:any") })
	if s.notActions {
		if everywhere && !slices.ContainsFunc(escalations, func(e string) bool { return !s.covers(e) }) {
			return Admin
		}
		if slices.ContainsFunc(escalations, s.covers) {
			return Escalate
		}
		return Write
	}
	top := None
	for _, a := range s.actions {
		switch {
		case strings.Trim(a, "*:") == "" && everywhere:
			return Admin
		case slices.ContainsFunc(escalations, func(e string) bool { return match(a, e) }):
			top = Escalate
		case top == Escalate:
		case !reads(a):
			top = Write
		case top == None:
			top = Read
		}
	}
	return top
}

func reads(action string) bool {
	_, name, ok := strings.Cut(action, ":")
	return ok && slices.ContainsFunc(reading, func(w string) bool { return strings.HasPrefix(name, w) })
}
