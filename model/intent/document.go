package intent

import (
	"fmt"
	"time"
)

// APIVersion is the only one there is.
const APIVersion = "assent.dev/v1"

// Pos is where something was declared. It is not part of the content.
type Pos struct {
	File string
	Line int
	Col  int
}

// String returns file:line.
func (p Pos) String() string {
	if p.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Set is everything that is declared. Each slice is sorted by name.
type Set struct {
	Environments []*Environment
	Actors       []*Actor
	Owners       []*Owner
	Intents      []*Intent
	Rules        []*Rule
	Blueprints   []*Blueprint
	Exceptions   []*Exception
	Resources    []*Resource

	Digest string // sha256:HEX over the content
	Files  int    // how many files it was read from

	sources []source // as they were written, for Bundle
}

// Empty reports whether nothing is declared at all.
func (s *Set) Empty() bool {
	return s == nil || len(s.Environments)+len(s.Actors)+len(s.Owners)+len(s.Intents)+len(s.Rules)+len(s.Blueprints)+len(s.Exceptions)+len(s.Resources) == 0
}

// Metadata names a document. Owner is the Owner document that answers for it.
type Metadata struct {
	Name  string `yaml:"name" json:"name"`
	Owner string `yaml:"owner" json:"owner,omitempty"`
}

// Environment says which places are one environment.
type Environment struct {
	Pos            Pos         `yaml:"-" json:"-"`
	Name           string      `yaml:"-" json:"name"`
	Owner          string      `yaml:"-" json:"owner,omitempty"`
	Tier           Tier        `yaml:"tier" json:"tier,omitempty"`
	Criticality    Criticality `yaml:"criticality" json:"criticality,omitempty"`
	Scope          []Scope     `yaml:"scope,required" json:"scope"`
	UnknownActions OnUnknown   `yaml:"unknownActions" json:"unknownActions,omitempty"` // empty: deny
	Exposes        Exposes     `yaml:"exposes" json:"exposes,omitempty"`               // empty: sound
	Caps           Caps        `yaml:"caps" json:"caps"`
	Windows        []Window    `yaml:"windows" json:"windows,omitempty"`
	Freezes        []Freeze    `yaml:"freezes" json:"freezes,omitempty"`
	BreakGlass     *BreakGlass `yaml:"breakGlass" json:"breakGlass,omitempty"`
	// Mode observe: changes that are all in such environments are judged and
	// recorded, and never refused, until it says enforce.
	Mode Mode `yaml:"mode" json:"mode,omitempty"`
}

// Caps is the ceiling over every grant in an environment.
type Caps struct {
	Dependents *int    `yaml:"dependents" json:"dependents,omitempty"`
	Rate       *Budget `yaml:"rate" json:"rate,omitempty"`     // of everybody together
	Ticket     *Share  `yaml:"ticket" json:"ticket,omitempty"` // of everybody together, for each change ticket
}

// Budget is a limit over many actions together: each may be small.
type Budget struct {
	Pos     Pos    `yaml:"-" json:"-"`
	Per     string `yaml:"per,required" json:"per"`          // a length of time; for an actor also: run, ticket
	Changes *int   `yaml:"changes" json:"changes,omitempty"` // resources that are changed
	Deletes *int   `yaml:"deletes" json:"deletes,omitempty"` // of them, deleted
}

// Share is what one change ticket may change in an environment.
type Share struct {
	Pos     Pos  `yaml:"-" json:"-"`
	Changes *int `yaml:"changes" json:"changes,omitempty"`
	Deletes *int `yaml:"deletes" json:"deletes,omitempty"`
}

// PerRun is a budget for one run, PerTicket one for one change ticket, however long
// they take.
const (
	PerRun    = "run"
	PerTicket = "ticket"
)

// LongestBudget bounds the time that a budget looks back.
const LongestBudget = Period(31 * 24 * time.Hour)

// Window returns how far the budget looks back; zero for one of a run
// or a ticket.
func (b Budget) Window() time.Duration {
	if b.Per == PerRun || b.Per == PerTicket {
		return 0
	}
	window, _ := time.ParseDuration(b.Per) // checkBudget has seen that it is one
	return window
}

// Scope is one kind of place; exactly one field is set.
type Scope struct {
	Pos        Pos              `yaml:"-" json:"-"`
	AWS        *AWSScope        `yaml:"aws" json:"aws,omitempty"`
	Kubernetes *KubernetesScope `yaml:"kubernetes" json:"kubernetes,omitempty"`
	Hosts      Words            `yaml:"hosts" json:"hosts,omitempty"` // host name patterns, for platforms without accounts
}

// AWSScope holds account ids and regions. No regions: all, and global
// resources too. With regions, a resource without one belongs where "global"
// or "*" is listed; where nobody lists it, to the region where its calls go.
type AWSScope struct {
	Accounts Words `yaml:"accounts,required" json:"accounts"`
	Regions  Words `yaml:"regions" json:"regions,omitempty"`
}

// KubernetesScope holds clusters and namespaces. No namespaces: the whole
// cluster. With namespaces, cluster-scoped objects belong only if clusterScoped
// is true.
type KubernetesScope struct {
	Clusters      Words `yaml:"clusters,required" json:"clusters"`
	Namespaces    Words `yaml:"namespaces" json:"namespaces,omitempty"`
	ClusterScoped *bool `yaml:"clusterScoped" json:"clusterScoped,omitempty"`
}

// Actor is somebody or something that a clause can name.
type Actor struct {
	Pos        Pos        `yaml:"-" json:"-"`
	Name       string     `yaml:"-" json:"name"`
	Kind       ActorKind  `yaml:"kind,required" json:"kind"`
	Person     string     `yaml:"person" json:"person,omitempty"` // human:NAME, as Owners name people
	Identify   []Identity `yaml:"identify,required" json:"identify"`
	Owner      string     `yaml:"owner,required" json:"owner"`
	OnBehalfOf OnBehalfOf `yaml:"onBehalfOf" json:"onBehalfOf,omitempty"`
	Explain    Explain    `yaml:"explain" json:"explain,omitempty"` // empty: full
	Budget     *Budget    `yaml:"budget" json:"budget,omitempty"`
}

// Identity is one piece of evidence; exactly one field is set.
type Identity struct {
	Pos        Pos           `yaml:"-" json:"-"`
	Run        string        `yaml:"run" json:"run,omitempty"`
	Kubernetes *KubeIdentity `yaml:"kubernetes" json:"kubernetes,omitempty"`
	AWS        *AWSIdentity  `yaml:"aws" json:"aws,omitempty"`
	OIDC       *OIDCIdentity `yaml:"oidc" json:"oidc,omitempty"`
	MTLS       *MTLSIdentity `yaml:"mtls" json:"mtls,omitempty"`
	Proxy      *ProxyUser    `yaml:"proxy" json:"proxy,omitempty"`
	SSH        string        `yaml:"ssh" json:"ssh,omitempty"` // a public key, as a line of a .pub file
}

// KubeIdentity is a Kubernetes user name, as the API server knows it.
type KubeIdentity struct {
	User string `yaml:"user,required" json:"user"`
}

// AWSIdentity is the ARN of an IAM role.
type AWSIdentity struct {
	Role string `yaml:"role,required" json:"role"`
}

// OIDCIdentity is a token's issuer, a pattern for its subject, and one for each claim
// that it has to have.
type OIDCIdentity struct {
	Issuer  string            `yaml:"issuer,required" json:"issuer"`
	Subject string            `yaml:"subject,required" json:"subject"`
	Claims  map[string]string `yaml:"claims" json:"claims,omitempty"`
}

// MTLSIdentity is the SPIFFE id of a client certificate.
type MTLSIdentity struct {
	SPIFFE string `yaml:"spiffe,required" json:"spiffe"`
}

// ProxyUser is a user who signed in to the proxy.
type ProxyUser struct {
	User string `yaml:"user,required" json:"user"`
}

// Owner is who answers for things.
type Owner struct {
	Pos         Pos               `yaml:"-" json:"-"`
	Name        string            `yaml:"-" json:"name"`
	Accountable string            `yaml:"accountable,required" json:"accountable"` // exactly one person
	Members     []string          `yaml:"members" json:"members,omitempty"`
	Contact     map[string]string `yaml:"contact" json:"contact,omitempty"`
	Owns        []Selector        `yaml:"owns" json:"owns,omitempty"`
	Inherits    string            `yaml:"inherits" json:"inherits,omitempty"` // the Owner to whom what nobody nearer owns falls
}

// Selector is one kind of thing that is owned; exactly one field is set.
type Selector struct {
	Pos        Pos               `yaml:"-" json:"-"`
	URN        string            `yaml:"urn" json:"urn,omitempty"` // a pattern
	Tag        map[string]string `yaml:"tag" json:"tag,omitempty"` // all must be there
	Kubernetes *OwnedNamespace   `yaml:"kubernetes" json:"kubernetes,omitempty"`
	AWS        *OwnedAccount     `yaml:"aws" json:"aws,omitempty"`
}

// OwnedNamespace is a namespace pattern, in one cluster or (without) in any.
type OwnedNamespace struct {
	Namespace string `yaml:"namespace,required" json:"namespace"`
	Cluster   string `yaml:"cluster" json:"cluster,omitempty"`
}

// OwnedAccount is an account id.
type OwnedAccount struct {
	Account string `yaml:"account,required" json:"account"`
}

// Intent is a purpose, what it allows, and what it forbids.
type Intent struct {
	Pos     Pos     `yaml:"-" json:"-"`
	Name    string  `yaml:"-" json:"name"`
	Owner   string  `yaml:"-" json:"owner"`
	Purpose string  `yaml:"purpose,required" json:"purpose"`
	Mode    Mode    `yaml:"mode" json:"mode,omitempty"` // observe: it neither grants nor forbids, until it says enforce
	Allow   []Allow `yaml:"allow" json:"allow,omitempty"`
	Never   []Never `yaml:"never" json:"never,omitempty"`
}

// Allow is one grant. All of its conditions must hold; conditions of different
// clauses never mix.
type Allow struct {
	Pos    Pos        `yaml:"-" json:"-"`
	ID     string     `yaml:"id,required" json:"id"`
	Who    Words      `yaml:"who,required" json:"who"`
	May    Verbs      `yaml:"may,required" json:"may"`
	What   What       `yaml:"what" json:"what"`
	In     Words      `yaml:"in,required" json:"in"`
	When   *When      `yaml:"when" json:"when,omitempty"`
	Must   Conditions `yaml:"must" json:"must,omitempty"` // what it would make true
	Limits Limits     `yaml:"limits" json:"limits"`
	// Approvals are the people who have to say yes to each call.
	Approvals []Approvals `yaml:"approvals" json:"approvals,omitempty"`
}

// Approvals is a number of people out of one circle.
type Approvals struct {
	Pos     Pos     `yaml:"-" json:"-"`
	From    string  `yaml:"from,required" json:"from"`        // owner (of what is changed), owner:NAME, or a human Actor
	Count   *int    `yaml:"count" json:"count,omitempty"`     // how many people; 1 if not given
	Expires *Period `yaml:"expires" json:"expires,omitempty"` // how long an approval holds at most; DefaultApproval if not given
}

// The bounds of how long an approval may be good for.
const (
	DefaultApproval = Period(4 * time.Hour)
	LongestApproval = Period(7 * 24 * time.Hour)
)

// Limits bounds what one call may touch.
type Limits struct {
	Dependents *int `yaml:"dependents" json:"dependents,omitempty"` // resources that depend on the targets, at any depth
	Targets    *int `yaml:"targets" json:"targets,omitempty"`       // resources that the call itself changes
	Exposed    *int `yaml:"exposed" json:"exposed,omitempty"`       // resources that can be reached because of it
}

// Never forbids. A condition that is left out holds for everything; may left out
// is every change and every reveal of a secret.
type Never struct {
	Pos    Pos    `yaml:"-" json:"-"`
	ID     string `yaml:"id,required" json:"id"`
	Who    Words  `yaml:"who" json:"who,omitempty"`
	May    Verbs  `yaml:"may" json:"may,omitempty"`
	What   What   `yaml:"what" json:"what"`
	In     Words  `yaml:"in" json:"in,omitempty"`
	Reason string `yaml:"reason" json:"reason,omitempty"`
	// Waivable false: no Exception may lift it.
	Waivable *bool `yaml:"waivable" json:"waivable,omitempty"`
}

// What selects resources and operations; a field that is left out is not asked.
type What struct {
	Capability Words             `yaml:"capability" json:"capability,omitempty"`
	Resource   Words             `yaml:"resource" json:"resource,omitempty"`   // patterns for URNs, or (without a colon) for names
	Operation  Words             `yaml:"operation" json:"operation,omitempty"` // patterns for service:Operation
	Type       Words             `yaml:"type" json:"type,omitempty"`
	Tag        map[string]string `yaml:"tag" json:"tag,omitempty"`
	Owner      string            `yaml:"owner" json:"owner,omitempty"`
}

// Rule is a rule in Rego. It can only deny.
type Rule struct {
	Pos   Pos        `yaml:"-" json:"-"`
	Name  string     `yaml:"-" json:"name"`
	Owner string     `yaml:"-" json:"owner,omitempty"`
	For   For        `yaml:"for" json:"for"`
	Rego  Text       `yaml:"rego,required" json:"rego"`
	Tests []RuleTest `yaml:"tests,required" json:"tests"`
}

// For says which actions a rule looks at; a field that is left out is not asked.
type For struct {
	Capability Words `yaml:"capability" json:"capability,omitempty"`
	Verbs      Verbs `yaml:"verbs" json:"verbs,omitempty"`
	In         Words `yaml:"in" json:"in,omitempty"`
}

// RuleTest is one example: with this input, exactly these codes are denied.
type RuleTest struct {
	Pos   Pos            `yaml:"-" json:"-"`
	Name  string         `yaml:"name,required" json:"name"`
	Input map[string]any `yaml:"input,required" json:"input"`
	Deny  []string       `yaml:"deny,required" json:"deny"`
}
