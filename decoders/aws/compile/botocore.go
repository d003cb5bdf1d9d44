package compile

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

type rawModel struct {
	Metadata struct {
		ServiceID          string          `json:"serviceId"`
		APIVersion         string          `json:"apiVersion"`
		EndpointPrefix     string          `json:"endpointPrefix"`
		SigningName        string          `json:"signingName"`
		Protocol           string          `json:"protocol"`
		Protocols          []string        `json:"protocols"`
		JSONVersion        string          `json:"jsonVersion"`
		TargetPrefix       string          `json:"targetPrefix"`
		AWSQueryCompatible json.RawMessage `json:"awsQueryCompatible"`
		XMLNamespace       json.RawMessage `json:"xmlNamespace"`
	} `json:"metadata"`
	Operations map[string]rawOperation `json:"operations"`
	Shapes     map[string]rawShape     `json:"shapes"`
}

type rawOperation struct {
	HTTP struct {
		Method     string `json:"method"`
		RequestURI string `json:"requestUri"`
	} `json:"http"`
	Input      *rawRef `json:"input"`
	Output     *rawRef `json:"output"`
	Readonly   bool    `json:"readonly"`
	Deprecated bool    `json:"deprecated"`
	AuthType   string  `json:"authtype"`
	Auth       []string
	Endpoint   struct {
		HostPrefix string `json:"hostPrefix"`
	} `json:"endpoint"`
}

type rawRef struct {
	Shape            string `json:"shape"`
	Location         string `json:"location"`
	LocationName     string `json:"locationName"`
	QueryName        string `json:"queryName"`
	ResultWrapper    string `json:"resultWrapper"`
	TimestampFormat  string `json:"timestampFormat"`
	Streaming        bool   `json:"streaming"`
	Flattened        bool   `json:"flattened"`
	XMLAttribute     bool   `json:"xmlAttribute"`
	JSONValue        bool   `json:"jsonvalue"`
	HostLabel        bool   `json:"hostLabel"`
	IdempotencyToken bool   `json:"idempotencyToken"`
}

type rawShape struct {
	Type            string            `json:"type"`
	Members         map[string]rawRef `json:"members"`
	Required        []string          `json:"required"`
	Member          *rawRef           `json:"member"`
	Key             *rawRef           `json:"key"`
	Value           *rawRef           `json:"value"`
	Payload         string            `json:"payload"`
	TimestampFormat string            `json:"timestampFormat"`
	Sensitive       bool              `json:"sensitive"`
	Union           bool              `json:"union"`
	Flattened       bool              `json:"flattened"`
	EventStream     bool              `json:"eventstream"`
	Streaming       bool              `json:"streaming"`
	Wrapper         bool              `json:"wrapper"`
	Document        bool              `json:"document"`
}

// readServices reads the newest model of every service, in name order, and what
// the older ones bind otherwise.
func readServices(data string, partitions []table.Partition) (*overlay, error) {
	all := &overlay{byID: map[string]*table.Info{}, parts: partitions}
	dirs, err := os.ReadDir(data)
	if err != nil {
		return nil, fmt.Errorf("reading botocore: %w", err)
	}
	for _, dir := range dirs {
		if !dir.IsDir() {
			continue
		}
		versions, err := modelVersions(filepath.Join(data, dir.Name()))
		if err != nil || len(versions) == 0 {
			if err != nil {
				return nil, err
			}
			continue
		}
		newest := filepath.Join(data, dir.Name(), versions[0])
		var m rawModel
		if err := readJSON(filepath.Join(newest, "service-2.json"), &m); err != nil {
			return nil, err
		}
		var rules any
		if err := readJSON(filepath.Join(newest, "endpoint-rule-set-1.json"), &rules); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		info, err := compile(dir.Name(), versions, &m)
		if err != nil {
			return nil, fmt.Errorf("compiling %s: %w", dir.Name(), err)
		}
		addEndpoints(info, rules, partitions)
		if err := addBotocore(info, filepath.Join(data, dir.Name()), versions[1:]); err != nil {
			return nil, err
		}
		all.infos = append(all.infos, info)
		all.byID[m.Metadata.ServiceID] = info
	}
	return all, nil
}

// modelVersions lists the version folders that hold a model, newest first.
func modelVersions(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var versions []string
	for _, e := range entries {
		found, err := filepath.Glob(filepath.Join(dir, e.Name(), "service-2.json*"))
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			versions = append(versions, e.Name())
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(versions)))
	return versions, nil
}

// readJSON reads path or path.gz.
func readJSON(path string, into any) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.Open(path + ".gz")
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	var r io.Reader = f
	if strings.HasSuffix(f.Name(), ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
	}
	if err := json.NewDecoder(r).Decode(into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

func compile(name string, versions []string, m *rawModel) (*table.Info, error) {
	meta := &m.Metadata
	info := &table.Info{}
	info.Name, info.EndpointPrefix, info.SigningName = name, meta.EndpointPrefix, meta.SigningName
	if info.SigningName == "" {
		info.SigningName = meta.EndpointPrefix
	}
	info.Protocols = []string{meta.Protocol}
	for _, p := range meta.Protocols {
		if !slices.Contains(info.Protocols, p) {
			info.Protocols = append(info.Protocols, p)
		}
	}
	if len(meta.AWSQueryCompatible) > 0 && !slices.Contains(info.Protocols, "query") {
		info.Protocols = append(info.Protocols, "query")
	}
	info.JSONVersion, info.TargetPrefix = meta.JSONVersion, meta.TargetPrefix
	info.APIVersions = versions
	if !slices.Contains(versions, meta.APIVersion) {
		info.APIVersions = append([]string{meta.APIVersion}, versions...)
	}
	info.XMLNamespace = namespace(meta.XMLNamespace)
	info.SigningNames = []string{info.SigningName}

	b := &shapeBuilder{raw: m.Shapes, done: map[string]*table.Shape{}}
	for _, opName := range sortedKeys(m.Operations) {
		raw := m.Operations[opName]
		op := b.operation(opName, raw)
		info.Streams = info.Streams || op.Input != nil && streams(op.Input)
		info.HostPrefixed = info.HostPrefixed || op.HostPrefix != ""
		info.Operations = append(info.Operations, op)
	}
	return info, b.err
}

func (b *shapeBuilder) operation(name string, raw rawOperation) *table.Operation {
	op := &table.Operation{
		Name: name, Method: raw.HTTP.Method, URI: raw.HTTP.RequestURI, HostPrefix: raw.Endpoint.HostPrefix,
		Readonly: raw.Readonly, Deprecated: raw.Deprecated,
		NoAuth: raw.AuthType == "none" || slices.Contains(raw.Auth, "smithy.api#noAuth"),
	}
	if raw.Input != nil {
		op.Input, op.InputRoot = b.shape(raw.Input.Shape), raw.Input.LocationName
	}
	if raw.Output != nil {
		op.Output, op.OutputWrap = b.shape(raw.Output.Shape), raw.Output.ResultWrapper
	}
	return op
}

// streams reports whether an input's payload is not to be buffered.
func streams(input *table.Shape) bool {
	for _, m := range input.Members {
		if m.Payload && (m.Streaming || m.Shape.EventStream) {
			return true
		}
	}
	return false
}

func namespace(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var o struct {
		URI string `json:"uri"`
	}
	_ = json.Unmarshal(raw, &o) // absent in most models
	return o.URI
}
