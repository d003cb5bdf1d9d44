// Package table reads aws.tbl, the compact form of every AWS service model:
// services, operations and shapes, inputs and outputs, with access levels and
// resource types, and of every CloudFormation resource type. It is compiled by
// `go generate ./decoders/aws` (see MANIFEST.json beside it for sources, versions
// and hashes).
//
// A service is parsed on first use; everything returned is immutable and shared.
package table

import "slices"

// Service is one service at its newest API version, under botocore's name.
type Service struct {
	Name           string   // botocore's: ec2, s3, stepfunctions
	SigningName    string   // the service in the SigV4 scope
	EndpointPrefix string   // the first label of its host names
	Protocols      []string // query, ec2, json, rest-json, rest-xml, smithy-rpc-v2-cbor; the first is preferred
	JSONVersion    string   // 1.0 or 1.1
	TargetPrefix   string   // X-Amz-Target up to the last dot
	APIVersions    []string // newest first; query and ec2 calls carry one
	XMLNamespace   string
	IAMPrefixes    []string // prefixes in the service authorization reference
	Operations     []*Operation
	Retired        bool // AWS has ended it; clients of other years may still call it
	// ResourceTypes are all the resource types of its IAM prefixes, sorted by name.
	ResourceTypes []ResourceType
}

// Access is the access level that AWS publishes for an operation, or that the
// reviewed overrides give it.
type Access uint8

// The access levels. The zero value is judged as a change.
const (
	AccessUnknown Access = iota
	AccessList
	AccessRead
	AccessReveal // a read that hands out a secret or a credential
	AccessTagging
	AccessPermissions
	AccessWrite
)

// Operation is one API operation.
type Operation struct {
	Service    *Service
	Name       string
	Method     string // GET, POST, …
	URI        string // /{Bucket}/{Key+}?acl; "/" for query and json
	HostPrefix string // {AccountId}. or data-
	Input      *Shape // nil: no input
	Output     *Shape // nil: no output
	InputRoot  string // rest-xml: the root element of the body, when it is not the payload's
	OutputWrap string // query: OpNameResult
	Access     Access
	Readonly   bool // the model's own readonly trait
	Deprecated bool
	NoAuth     bool
	Retired    bool // the newest model no longer has it
	// Older are other methods and paths that older API versions bind it to.
	Older []Binding
	// Resources are the resource types that the service authorization reference
	// lists for it: instance, security-group; with their ARN templates.
	Resources []ResourceType
	// IAMActions are the IAM actions of the same name, PREFIX:Action.
	IAMActions []string
	// AWSAccess is the level that AWS publishes, where an override changed it.
	AWSAccess Access
}

// Binding is how an older API version binds an operation to HTTP.
type Binding struct {
	Version string
	Method  string
	URI     string
}

// ResourceType is a type of resource and its ARN template,
// arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}.
type ResourceType struct {
	Name     string // IAMPREFIX:TYPE, ec2:instance
	ARN      string
	Required bool
}

// Kind is the kind of a shape.
type Kind uint8

// The kinds, as in the service models.
const (
	Structure Kind = iota
	List
	Map
	String
	Integer
	Long
	Float
	Double
	Boolean
	Timestamp
	Blob
	Document // free-form JSON
)

// Shape is a type. Shapes may be recursive.
type Shape struct {
	Name    string
	Members []Member // Structure
	Elem    *Member  // List: the item; Elem.WireName is its element name ("member" if empty)
	Key     *Member  // Map
	Value   *Member  // Map

	Kind            Kind
	Sensitive       bool // MUST be redacted
	Union           bool
	Flattened       bool // List or Map without a wrapping element
	EventStream     bool
	Streaming       bool // a Blob that is not to be buffered
	Wrapper         bool // query outputs: an extra element around it
	TimestampFormat TimeFormat
}

// TimeFormat is how a timestamp is written. There are some three hundred thousand
// members and shapes: it is a byte, and not a word.
type TimeFormat uint8

// The formats. The zero value is the protocol's own.
const (
	ProtocolTime TimeFormat = iota
	ISO8601
	RFC822
	UnixTimestamp
)

var timeFormats = [...]string{ProtocolTime: "", ISO8601: "iso8601", RFC822: "rfc822", UnixTimestamp: "unixTimestamp"}

// String returns the format's name in the service models.
func (f TimeFormat) String() string { return timeFormats[f] }

// TimeFormatOf returns the format of a name; ok is false for one that is not known.
func TimeFormatOf(name string) (f TimeFormat, ok bool) {
	i := slices.Index(timeFormats[:], name)
	return TimeFormat(max(i, 0)), i >= 0
}

// Location is where a member travels.
type Location uint8

// The locations. The zero value is the body.
const (
	InBody Location = iota
	InURI
	InQuery
	InHeader
	InHeaders    // all headers with the prefix WireName
	InStatusCode // outputs
)

// Member is one field of a structure, or the item, key or value of a list or map.
type Member struct {
	Name         string // the model's own name: the key in Action.Params
	WireName     string // locationName, or Name where the model gives none
	QueryName    string // ec2: overrides the capitalised WireName
	Shape        *Shape
	Location     Location
	Required     bool
	Payload      bool // the member is the whole body
	Streaming    bool
	Flattened    bool
	XMLAttribute bool
	JSONValue    bool // a header that holds base64 JSON
	HostLabel    bool
	Idempotency  bool
	// TimestampFormat overrides the shape's.
	TimestampFormat TimeFormat
}

// String returns the level's word.
func (a Access) String() string {
	words := [...]string{"unknown", "list", "read", "reveal", "tagging", "permissions", "write"}
	if int(a) >= len(words) {
		return words[0]
	}
	return words[a]
}
