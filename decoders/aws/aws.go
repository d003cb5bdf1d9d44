// Package aws decodes the calls of every AWS service. Which call it is says
// package identify; what it asks for says package wire; both read the compiled
// table of all service models in package table. Nothing here knows a single
// operation but the data files: capabilities.yaml, overrides.yaml, targets.yaml,
// nested.yaml and properties.yaml.
//
// A call that carries other changes (a batch) has Parts, each understood as the
// call that it stands for. The whole has the gravest verb among them, and the
// targets of the parts that are like it, so that it asks for no right that none
// of its parts asks for. What a call would make true is in Props, under the names
// of the portable vocabulary: properties.yaml has the rows.
//
// An operation that the table does not know is an Action with Verb unknown and
// Fidelity opaque: it is judged as a change. A call that contradicts itself is an
// error and MUST be refused.
package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/identify"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

//go:generate ./tables.sh

// Name is the platform's name.
const Name = "aws"

// maxKeys bounds the access keys whose account is remembered: sessions come and
// go, and one that was forgotten only costs precision.
const maxKeys = 4096

// Decoder decodes AWS calls. It is safe for concurrent use.
type Decoder struct {
	table        *table.Table
	identifier   *identify.Identifier
	capabilities capabilities
	nested       *nested
	properties   properties
	states       properties // of what exists, by type
	templates    *templates
	memory       *memory
	hand         hand
	version      string

	mu       sync.Mutex
	accounts map[string]string // guarded by mu: access key id → account
}

var (
	_ decoders.Decoder     = (*Decoder)(nil)
	_ decoders.Transparent = (*Decoder)(nil)
)

// New makes a decoder over the embedded table.
func New() (*Decoder, error) {
	t, err := table.Open()
	if err != nil {
		return nil, err
	}
	return NewWith(t)
}

// NewWith makes a decoder over a table.
func NewWith(t *table.Table) (*Decoder, error) {
	c, err := readCapabilities()
	if err != nil {
		return nil, err
	}
	n, err := readNested()
	if err != nil {
		return nil, err
	}
	p, err := readProperties("properties.yaml", propertiesYAML)
	if err != nil {
		return nil, err
	}
	states, err := readProperties("states.yaml", statesYAML)
	if err != nil {
		return nil, err
	}
	tpl, err := readTemplates()
	if err != nil {
		return nil, err
	}
	h, err := readHand()
	if err != nil {
		return nil, err
	}
	return &Decoder{table: t, hand: h, identifier: identify.New(t), capabilities: c, nested: n, properties: p, states: states, templates: tpl, memory: newMemory(maxRemembered, maxRememberedBytes),
		version: madeWith(t), accounts: map[string]string{}}, nil
}

// Name returns aws.
func (d *Decoder) Name() string { return Name }

// Claims claims every API endpoint in a domain of an AWS partition. Uploads whose
// payload is a stream are judged by their head.
func (d *Decoder) Claims(c decoders.Call) decoders.Claim {
	claim := decoders.Claim{Mine: d.identifier.Governs(c.Host)}
	if c.URL == nil || c.Method != http.MethodPut && c.Method != http.MethodPost {
		return claim
	}
	if c.Header.Get("X-Amz-Target") != "" || strings.HasPrefix(c.Header.Get("Content-Type"), "application/x-www-form-urlencoded") && c.Method == http.MethodPost {
		return claim
	}
	c.Body = nil // the head alone decides
	r, err := d.identifier.Identify(c)
	if err == nil && r.Operation != nil && streams(r.Operation) {
		claim.Body = decoders.StreamBody
	}
	return claim
}

func streams(op *table.Operation) bool {
	if op.Input == nil {
		return false
	}
	for i := range op.Input.Members {
		if m := &op.Input.Members[i]; m.Payload && (m.Streaming || m.Shape.EventStream) {
			return true
		}
	}
	return false
}

// Decode understands a call; secrets are taken out of Params.
func (d *Decoder) Decode(_ context.Context, c decoders.Call) (model.Action, error) {
	return d.decode(c, false)
}

// DecodeWithSecrets is Decode with the secrets left in.
func (d *Decoder) DecodeWithSecrets(_ context.Context, c decoders.Call) (model.Action, error) {
	return d.decode(c, true)
}

func (d *Decoder) decode(c decoders.Call, secrets bool) (model.Action, error) {
	r, err := d.identifier.Identify(c)
	if err != nil {
		return model.Action{}, fmt.Errorf("identifying the call: %w", err)
	}
	at := d.scene(r)
	a := model.Action{
		Platform: Name, Account: at.account, Region: at.region, Verb: model.Unknown, Capability: "aws.unknown",
		Operation: r.Name, Decoder: d.version,
	}
	if r.Service != nil {
		a.Service, a.Capability = r.Service.Name, d.capabilities.of("", r.Service)
	}
	if r.Operation == nil {
		a.Native = native(r, 0, false)
		return d.unknown(a, r, at, c), nil
	}
	in, err := wire.DecodeInput(r.Operation, r.Protocol, c, wire.Options{Secrets: true, Labels: r.Labels})
	if err != nil {
		return model.Action{}, err
	}
	hidden, hashes := d.hidden(r.Operation, in.Params), d.properties.hidden(callName(r.Operation), in.Params, at)
	scripts := d.scripts(callName(r.Operation), in.Params)
	if !secrets {
		wire.Redact(r.Operation, in.Params)
	}
	a.Fidelity, a.Unknown = in.Fidelity, in.Unknown
	if r.Why != "" { // understood, but for one part
		a.Unknown = append(a.Unknown, r.Why)
		a.Fidelity = min(a.Fidelity, model.Partial)
	}
	d.understand(&a, r.Operation, in.Params, at)
	a.Props = reveal(a.Props, hashes)
	if err := d.inside(&a, r.Operation, in.Params, at, hidden, secrets); err != nil {
		return model.Action{}, fmt.Errorf("looking inside %s: %w", a.Name(), err)
	}
	passed, err := d.passes(&a, in.Params, at)
	if err != nil {
		return model.Action{}, err
	}
	run, err := d.runs(&a, scripts)
	if err != nil {
		return model.Action{}, err
	}
	a.Parts = append(append(a.Parts, passed...), run...)
	a.Native = native(r, d.count(a.Name(), in.Params), dryRun(r.Operation, in.Params))
	a.Tokens = tokens(r.Operation, in.Params)
	sort.Strings(a.Unknown)
	if a.Params, err = json.Marshal(in.Params); err != nil {
		return model.Action{}, fmt.Errorf("writing the parameters of %s: %w", a.Name(), err)
	}
	return a, nil
}

// tokens names the idempotency tokens of a call: clients make them up anew for
// each.
func tokens(op *table.Operation, params map[string]any) []string {
	if op.Input == nil {
		return nil
	}
	var names []string
	for i := range op.Input.Members {
		if m := &op.Input.Members[i]; m.Idempotency {
			if _, sent := params[m.Name]; sent {
				names = append(names, m.Name)
			}
		}
	}
	return names
}

// understand says what a call of an operation would do: it is used for whole
// calls and for the parts inside of them alike.
func (d *Decoder) understand(a *model.Action, op *table.Operation, params map[string]any, at scene) {
	a.Verb = verbOf(op)
	if asks, ok := d.nested.reveals[a.Name()]; ok && a.Verb == model.Reveal {
		if on, isBool := params[asks].(bool); !isBool && params[asks] == nil || isBool && !on {
			a.Verb = model.Read
		}
	}
	params = d.state(a, params)
	var mainType string
	var whole bool
	a.Targets, mainType, whole = d.hand.targets(op, a.Verb, params, at)
	if !whole { // what was left out may be what nobody may touch
		a.Unknown = append(a.Unknown, "targets")
		a.Fidelity = model.Opaque
	}
	a.Capability = d.capabilities.of(mainType, op.Service)
	a.Props = d.properties.of(a.Name(), params, at)
	if p, ok := d.runsAs(a, params, at); ok {
		a.Props = addProperty(a.Props, p)
	}
}

// inside gives a call its parts: the items of a batch, the resources of a
// template, the resource that Cloud Control makes. params are what is recorded;
// hidden are the texts that have to be read although they are not.
func (d *Decoder) inside(a *model.Action, op *table.Operation, params map[string]any, at scene, hidden map[string]string, secrets bool) error {
	if err := d.fanOut(a, op, params, at); err != nil {
		return err
	}
	if _, err := d.unfold(a, params, at, secrets, 0); err != nil {
		return err
	}
	return d.control(a, params, at, hidden, secrets)
}

// unknown is the action of a call whose operation is not in the table: judged as
// a change of the whole account.
func (d *Decoder) unknown(a model.Action, r identify.Result, at scene, c decoders.Call) model.Action {
	if a.Operation == "" {
		a.Operation = c.Method
	}
	a.Unknown = []string{"operation: " + r.Why}
	s, service := at.known(), "*"
	if r.Service != nil {
		service = r.Service.SigningName
	}
	a.Targets = []model.Target{{URN: model.URN("arn:" + s.partition + ":" + service + ":" + s.region + ":" + s.account + ":*"),
		Type: "aws:account", Role: model.RoleTarget}}
	return a
}

func (d *Decoder) scene(r identify.Result) scene {
	at := scene{r.Partition, r.Region, r.Account}
	if r.AccessKey != "" {
		d.mu.Lock()
		if known, ok := d.accounts[r.AccessKey]; ok && at.account == "" {
			at.account = known
		}
		d.mu.Unlock()
	}
	return at
}

// dryRun reports a DryRun that the operation has. It is a hint (dry_run of Native),
// and MUST NOT make a change a read: emulators and some services ignore it, and
// would carry the call out. Elsewhere the word means nothing.
func dryRun(op *table.Operation, params map[string]any) bool {
	on, ok := params["DryRun"].(bool)
	if !ok || !on || op.Input == nil {
		return false
	}
	for i := range op.Input.Members {
		if m := &op.Input.Members[i]; m.Name == "DryRun" && m.Shape.Kind == table.Boolean {
			return true
		}
	}
	return false
}

func native(r identify.Result, items int, dry bool) json.RawMessage {
	n := struct {
		Partition  string   `json:"partition"`
		APIVersion string   `json:"api_version,omitempty"`
		Protocol   string   `json:"protocol,omitempty"`
		IAMActions []string `json:"iam_actions,omitempty"`
		Access     string   `json:"access,omitempty"`
		AccessKey  string   `json:"access_key_id,omitempty"`
		Signing    string   `json:"signing,omitempty"`
		Endpoint   string   `json:"endpoint"`
		Items      int      `json:"items,omitempty"`   // of a batch that has no parts
		DryRun     bool     `json:"dry_run,omitempty"` // a hint: what it asks for may happen all the same
	}{Partition: r.Partition, APIVersion: r.APIVersion, Protocol: r.Protocol, AccessKey: r.AccessKey, Signing: r.Signing, Endpoint: r.Endpoint, Items: items, DryRun: dry}
	if r.Operation != nil {
		n.IAMActions, n.Access = r.Operation.IAMActions, r.Operation.Access.String()
	}
	data, err := json.Marshal(n)
	if err != nil { // strings always marshal
		return nil
	}
	return data
}

// Refuse writes a refusal in the caller's own protocol.
func (d *Decoder) Refuse(c decoders.Call, r decoders.Refusal) *http.Response {
	protocol, service := "", ""
	if got, err := d.identifier.Identify(c); err == nil {
		protocol = got.Protocol
		if got.Service != nil {
			service = got.Service.Name
		}
	}
	return wire.Refuse(protocol, service, c, r)
}
