// Package config reads assent.yaml. The file that documents every field is
// Example; `assent config --example` prints it.
//
// Files are looked for in the working directory, the user's and the system's
// configuration folders, and merged value by value: the first file that has a
// value wins, a flag beats them all, and Origin tells where each came from. A
// file named by --config (or ASSENT_CONFIG) is read alone. Reading is strict: an
// unknown field, a value that is not one of the choices, a field given twice are
// errors with file, line and, where there is one, a suggestion.
package config

import (
	_ "embed"
	"net/url"
	"path/filepath"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/signing"
	"github.com/assent-iom/assent/proxy"
)

// Example is a documented assent.yaml with the defaults.
//
//go:embed example.yaml
var Example string

// The fields of assent.yaml.
const (
	FieldMode      = "mode"
	FieldIntent    = "intent"
	FieldLedger    = "ledger"
	FieldModel     = "model"
	FieldStore     = "store"
	FieldCA        = "ca"
	FieldListen    = "listen"
	FieldGateway   = "gateway"
	FieldAdmission = "admission"
	FieldGoverned  = "governed"
	FieldUpstreams = "upstreams"
	FieldEgress    = "egress"
	FieldClusters  = "clusters"
	FieldGuarded   = "guarded"
	FieldExact     = "exact"
	FieldTokens    = "tokens"
	FieldMayDial   = "may_dial"
	FieldInbox     = "inbox"
	FieldWait      = "wait"
	FieldTables    = "tables"
	FieldBudgets   = "budgets"
	FieldHeartbeat = "heartbeat"
	FieldWitnesses = "witnesses"
	FieldCosigner  = "cosigner"
	FieldWithhold  = "withhold"
	FieldCollect   = "collect"
	FieldAdmin     = "admin"
	FieldLimits    = "limits"
	FieldOwners    = "owners"
	FieldSigners   = "signers"
	FieldWebhook   = "webhook"

	FieldLedgerServer = "ledger_server"
)

// Fields returns the names of all fields, in the order in which they are shown.
func Fields() []string {
	return []string{FieldMode, FieldIntent, FieldSigners, FieldLedger, FieldLedgerServer, FieldModel, FieldStore, FieldCA, FieldListen, FieldGateway, FieldAdmission, FieldAdmin, FieldLimits,
		FieldGoverned, FieldUpstreams, FieldEgress, FieldClusters, FieldGuarded, FieldExact, FieldCollect, FieldOwners, FieldTokens, FieldIdentity, FieldMayDial, FieldInbox, FieldWait, FieldWebhook, FieldBudgets, FieldTables, FieldHeartbeat, FieldWitnesses, FieldCosigner, FieldWithhold}
}

// DefaultWait is long enough for a person who is told at once; LongestWait keeps
// a connection from being held for ever.
const (
	DefaultWait = 10 * time.Minute
	LongestWait = time.Hour
)

// A daemon's heartbeat is often enough that a gap of minutes shows, and seldom
// enough that a year of them is some 100 MB.
const (
	DefaultHeartbeat  = 5 * time.Minute
	ShortestHeartbeat = 10 * time.Second
	LongestHeartbeat  = 24 * time.Hour
)

// Default is the origin of a value that nobody set.
const Default = "default"

// Config is what Assent runs with. All paths are absolute once loaded.
type Config struct {
	Mode    policy.Mode
	Intent  string       // folder of declared intent; empty: nothing is declared
	Signers signing.Rule // whose signatures the declared documents need to be in force
	Ledger  string       // folder
	// LedgerServer, with a URL, has the evidence instead.
	LedgerServer LedgerServer
	Model        string // file
	Store        Store  // instead of Model
	CA           string // folder of the daemon's authority
	Listen       string // host:port of `assent serve`; empty: other listeners alone
	Listeners    []Listener
	Gateway      string // host:port of its gateway for Kubernetes; empty: none
	Admission    string // host:port of its admission webhook; empty: none
	Admin        string // socket, or host:port of this machine, of the daemon's own door; AdminOff: none
	Limits       proxy.Limits
	Governed     []decoders.Binding
	Upstreams    []proxy.Upstream
	Egress       proxy.Egress
	Clusters     []string // kubeconfig files
	Guarded      []string // clusters to which changes are sent under assent's own identity
	Exact        []string // clusters whose servers try each change before it is judged
	Tokens       []Token  // who may use `assent serve`, sorted by actor; none: everybody, as nobody
	Identity     Identity // how callers are known beside tokens
	MayDial      []string // host patterns that may resolve to a loopback address

	Inbox string // file of the requests for approval
	// Tables is the folder of what this machine compiled newer than what the
	// program brings: the AWS table of assent models update.
	Tables string
	// Collect is what `assent serve` and `assent collect` read of what exists.
	Collect Collect
	// Owners are where it is written whose things are, beside the documents.
	Owners Owners
	// Budgets is the file that counts what was changed.
	Budgets string
	Wait    time.Duration // how long a held call may wait on its open connection
	Webhook Webhook       // who is told at once of what waits and what changed
	// Heartbeat is how often `assent serve` records that it is there; 0: never.
	Heartbeat time.Duration
	Witnesses []Witness // who is asked to cosign checkpoints
	Cosigner  string    // a second key for them: a file, or the URI of a key management service's
	Withhold  string    // a public key to which calls are encrypted as they were; empty: not kept

	origin map[string]string
}

// Collect names what is read by assent itself, by platform.
type Collect struct {
	Kubernetes []CollectCluster `json:"kubernetes,omitempty"`
	AWS        []CollectAccount `json:"aws,omitempty"`
}

// CollectAccount is one AWS account that is read.
type CollectAccount struct {
	// Profile is one of the AWS configuration files; empty: the default chain
	// (environment, files, container, instance).
	Profile string `json:"profile,omitempty"`
	// Role is assumed from there; empty: none. ExternalID is what its trust may ask for.
	Role       string `json:"role,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	// Regions are read; all: those that the account has opened; none: that of the
	// profile or the environment.
	Regions []string `json:"regions,omitempty"`
	// Events is the ARN of an SQS queue of the account's CloudTrail events; empty: none.
	Events string `json:"events,omitempty"`
}

// CollectCluster is one cluster that is read.
type CollectCluster struct {
	Cluster string `json:"cluster"` // its name in the kubeconfigs under clusters
	// Kubeconfig is the file whose one user of that cluster reads it; empty: that of
	// the kubeconfig under clusters.
	Kubeconfig string `json:"kubeconfig,omitempty"`
}

// Owners names what others have written about owners: it is shown, and makes nobody
// accountable.
type Owners struct {
	Codeowners []Codeowners `json:"codeowners,omitempty"`
	States     []OwnedState `json:"states,omitempty"`
}

// Codeowners is a CODEOWNERS file.
type Codeowners struct {
	File       string `json:"file"`
	Syntax     string `json:"syntax"`               // github or gitlab
	Repository string `json:"repository,omitempty"` // ORG/NAME, as the tags git_org and git_repo have it; empty: any
}

// OwnedState is a Terraform state that was imported, and whose it is.
type OwnedState struct {
	Lineage string `json:"lineage"`
	Name    string `json:"name,omitempty"`  // of the workspace
	Path    string `json:"path,omitempty"`  // the folder of the repository that it is made from
	Owner   string `json:"owner,omitempty"` // the workspace's
}

// Token makes an actor of `assent serve` known.
type Token struct {
	Actor  string   `json:"actor"`
	Digest [32]byte `json:"-"` // SHA-256 of the token, which itself is never in a file
}

// Origin tells where a field's value came from: a flag, a file, or Default.
func (c *Config) Origin(field string) string {
	if o, ok := c.origin[field]; ok {
		return o
	}
	return Default
}

// Set notes that a flag gave a field its value.
func (c *Config) Set(field, origin string) {
	if c.origin == nil {
		c.origin = map[string]string{}
	}
	c.origin[field] = origin
}

// defaults returns the values that hold where nothing is set.
func defaults(state string) Config {
	return Config{
		Mode:      policy.Observe,
		Ledger:    filepath.Join(state, "ledger"),
		Model:     filepath.Join(state, "model.db"),
		CA:        filepath.Join(state, "ca"),
		Listen:    "127.0.0.1:8080",
		Admin:     filepath.Join(state, "admin.sock"),
		Limits:    proxy.DefaultLimits(),
		Egress:    proxy.EgressAllow,
		Inbox:     filepath.Join(state, "inbox.db"),
		Tables:    filepath.Join(state, "tables"),
		Wait:      DefaultWait,
		Heartbeat: DefaultHeartbeat,
		Budgets:   filepath.Join(state, "budgets.db"),
		origin:    map[string]string{},
	}
}

// merge takes over what other has and c has not.
func (c *Config) merge(other Config) {
	for field, from := range other.origin {
		if _, mine := c.origin[field]; mine {
			continue
		}
		c.origin[field] = from
		switch field {
		case FieldMode:
			c.Mode = other.Mode
		case FieldIntent:
			c.Intent = other.Intent
		case FieldLedger:
			c.Ledger = other.Ledger
		case FieldLedgerServer:
			c.LedgerServer = other.LedgerServer
		case FieldModel:
			c.Model = other.Model
		case FieldStore:
			c.Store = other.Store
		case FieldCA:
			c.CA = other.CA
		case FieldListen:
			c.Listen, c.Listeners = other.Listen, other.Listeners
		case FieldGateway:
			c.Gateway = other.Gateway
		case FieldAdmission:
			c.Admission = other.Admission
		case FieldGoverned:
			c.Governed = other.Governed
		case FieldUpstreams:
			c.Upstreams = other.Upstreams
		case FieldEgress:
			c.Egress = other.Egress
		case FieldClusters:
			c.Clusters = other.Clusters
		case FieldGuarded:
			c.Guarded = other.Guarded
		case FieldExact:
			c.Exact = other.Exact
		case FieldTokens:
			c.Tokens = other.Tokens
		case FieldIdentity:
			c.Identity = other.Identity
		case FieldMayDial:
			c.MayDial = other.MayDial
		case FieldInbox:
			c.Inbox = other.Inbox
		case FieldTables:
			c.Tables = other.Tables
		case FieldBudgets:
			c.Budgets = other.Budgets
		case FieldCollect:
			c.Collect = other.Collect
		case FieldOwners:
			c.Owners = other.Owners
		case FieldSigners:
			c.Signers = other.Signers
		case FieldWebhook:
			c.Webhook = other.Webhook
		case FieldWait:
			c.Wait = other.Wait
		case FieldHeartbeat:
			c.Heartbeat = other.Heartbeat
		case FieldWitnesses:
			c.Witnesses = other.Witnesses
		case FieldCosigner:
			c.Cosigner = other.Cosigner
		case FieldWithhold:
			c.Withhold = other.Withhold
		case FieldAdmin:
			c.Admin = other.Admin
		case FieldLimits:
			c.Limits = other.Limits
		}
	}
}

// Value is one setting as `assent config` shows it.
type Value struct {
	Field  string `json:"field"`
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

// Values returns every setting, in the order of Fields.
func (c *Config) Values() []Value {
	governed := map[string]string{}
	for _, b := range c.Governed {
		governed[b.Host] = b.Platform
	}
	upstreams := []map[string]string{}
	for _, u := range c.Upstreams {
		upstreams = append(upstreams, map[string]string{"hosts": u.Hosts, "to": shown(u.To)})
	}
	egress := "allow"
	if c.Egress == proxy.EgressDeny {
		egress = "deny"
	}
	clusters := c.Clusters
	if clusters == nil {
		clusters = []string{}
	}
	exact := c.Exact
	if exact == nil {
		exact = []string{}
	}
	guarded := c.Guarded
	if guarded == nil {
		guarded = []string{}
	}
	actors := []string{}
	for _, t := range c.Tokens {
		actors = append(actors, t.Actor)
	}
	dial := c.MayDial
	if dial == nil {
		dial = []string{}
	}
	of := map[string]any{FieldSigners: c.Signers, FieldWebhook: c.Webhook.shown(), FieldInbox: c.Inbox, FieldTables: c.Tables, FieldWait: c.Wait.String(), FieldHeartbeat: c.Heartbeat.String(), FieldWitnesses: append([]Witness{}, c.Witnesses...), FieldCosigner: c.Cosigner, FieldWithhold: c.Withhold, FieldBudgets: c.Budgets, FieldGuarded: guarded, FieldExact: exact, FieldCollect: c.Collect, FieldOwners: c.Owners, FieldTokens: actors, FieldIdentity: c.Identity, FieldMayDial: dial,
		FieldMode: c.Mode, FieldIntent: c.Intent, FieldLedger: c.Ledger, FieldLedgerServer: c.LedgerServer, FieldModel: c.Model, FieldStore: c.Store.shown(), FieldCA: c.CA,
		FieldListen: c.listeners(), FieldGateway: c.Gateway, FieldAdmission: c.Admission, FieldAdmin: c.Admin, FieldLimits: limitsShown(c.Limits), FieldGoverned: governed, FieldUpstreams: upstreams, FieldEgress: egress, FieldClusters: clusters}
	var out []Value
	for _, f := range Fields() {
		out = append(out, Value{f, of[f], c.Origin(f)})
	}
	return out
}

func shown(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Redacted()
}
