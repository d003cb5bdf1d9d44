package table

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

//go:embed aws.tbl
var embedded []byte

// magic starts every table; its last byte is the version of the format.
const magic = "ASSENTAWS\x02"

// maxBlock bounds one inflated block: the largest service, EC2, is under 1 MiB.
const maxBlock = 16 << 20

// Table is all of AWS. It is immutable; services are parsed on first use.
type Table struct {
	Partitions []Partition
	hash       string
	infos      []*Info
	byName     map[string]*Info
	bySigning  map[string][]*Info
	byHost     map[string][]*Info
	byTarget   map[string][]*Info
	byVersion  map[string][]*Info
	cfn        cfnTypes
}

// Partition is one separate AWS: its DNS suffixes and how its regions look.
type Partition struct {
	Name      string // aws, aws-cn
	DNS       string // amazonaws.com
	DualStack string // api.aws
	Global    string // the region that global services sign with
	Regions   *regexp.Regexp
	pattern   string
}

// Info is what the index knows of a service without parsing it.
type Info struct {
	Service                // without Operations and ResourceTypes: use Load
	SigningNames  []string // every name its endpoints may be signed with
	HostLabels    []string // what is left of its host names without region and suffix
	BasePaths     []string // what some of its endpoints put before an operation's path
	Streams       bool     // has an operation whose input is a stream
	HostPrefixed  bool     // has operations with a host prefix
	OperationSize int      // number of operations

	block  []byte
	once   sync.Once
	loaded *Service
	err    error
}

// Open reads the embedded table's index. It takes milliseconds; keep the result.
func Open() (*Table, error) { return Parse(embedded) }

// Parse reads a table. It keeps data.
func Parse(data []byte) (*Table, error) {
	if len(data) < len(magic)+4 || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("opening aws table: not a table of this version")
	}
	sum := sha256.Sum256(data)
	t := &Table{hash: "sha256:" + hex.EncodeToString(sum[:])}
	head := &cursor{data: data[len(magic):]}
	n := head.uint()
	if head.err != nil || n > len(head.data) {
		return nil, fmt.Errorf("opening aws table: %w", errShort)
	}
	index, err := inflate(head.data[:n])
	if err != nil {
		return nil, fmt.Errorf("opening aws table: %w", err)
	}
	if err := t.readIndex(index, head.data[n:]); err != nil {
		return nil, fmt.Errorf("opening aws table: %w", err)
	}
	t.lookups()
	return t, nil
}

// Hash is sha256:HEX over the whole table.
func (t *Table) Hash() string { return t.hash }

// Services returns every service, sorted by name.
func (t *Table) Services() []*Info { return t.infos }

// Service returns a service by botocore's name.
func (t *Table) Service(name string) (*Service, bool) {
	info, ok := t.byName[name]
	if !ok {
		return nil, false
	}
	s, err := info.Load()
	return s, err == nil
}

// Info returns the index entry of a service.
func (t *Table) Info(name string) (*Info, bool) { i, ok := t.byName[name]; return i, ok }

// BySigningName returns the services that a SigV4 scope may mean.
func (t *Table) BySigningName(name string) []*Info { return t.bySigning[name] }

// ByHost returns the services that answer under a host label such as "ec2" or
// "data-ats.iot": the host name without region, suffix, fips and dualstack.
func (t *Table) ByHost(label string) []*Info { return t.byHost[label] }

// ByTarget returns the services with a prefix of X-Amz-Target.
func (t *Table) ByTarget(prefix string) []*Info { return t.byTarget[prefix] }

// ByVersion returns the query and ec2 services that have an API version.
func (t *Table) ByVersion(version string) []*Info { return t.byVersion[version] }

// Load parses the service once. An error means a damaged table.
func (i *Info) Load() (*Service, error) {
	i.once.Do(func() {
		raw, err := inflate(i.block)
		if err != nil {
			i.err = fmt.Errorf("reading aws table, service %s: %w", i.Name, err)
			return
		}
		s := i.Service
		if err := decodeService(raw, &s); err != nil {
			i.err = fmt.Errorf("reading aws table, service %s: %w", i.Name, err)
			return
		}
		i.loaded = &s
	})
	return i.loaded, i.err
}

// Operation finds an operation by name.
func (s *Service) Operation(name string) (*Operation, bool) {
	for _, op := range s.Operations {
		if op.Name == name {
			return op, true
		}
	}
	return nil, false
}

// Speaks reports whether the service accepts a protocol.
func (s *Service) Speaks(protocol string) bool {
	for _, p := range s.Protocols {
		if p == protocol {
			return true
		}
	}
	return false
}

func (t *Table) lookups() {
	t.byName, t.bySigning = map[string]*Info{}, map[string][]*Info{}
	t.byHost, t.byTarget, t.byVersion = map[string][]*Info{}, map[string][]*Info{}, map[string][]*Info{}
	for _, i := range t.infos {
		t.byName[i.Name] = i
		for _, n := range i.SigningNames {
			t.bySigning[n] = append(t.bySigning[n], i)
		}
		for _, h := range i.HostLabels {
			t.byHost[h] = append(t.byHost[h], i)
		}
		if i.TargetPrefix != "" {
			t.byTarget[i.TargetPrefix] = append(t.byTarget[i.TargetPrefix], i)
		}
		if i.Speaks("query") || i.Speaks("ec2") {
			for _, v := range i.APIVersions {
				t.byVersion[v] = append(t.byVersion[v], i)
			}
		}
	}
}

// PartitionOf finds the partition whose DNS suffix ends a host, and what stands
// before the suffix.
func (t *Table) PartitionOf(host string) (p *Partition, rest string, ok bool) {
	longest := -1
	for i := range t.Partitions {
		for _, suffix := range []string{t.Partitions[i].DNS, t.Partitions[i].DualStack} {
			if suffix == "" || len(suffix) <= longest {
				continue
			}
			if r, found := strings.CutSuffix(host, suffix); found && (r == "" || strings.HasSuffix(r, ".")) {
				p, rest, longest = &t.Partitions[i], strings.TrimSuffix(r, "."), len(suffix)
			}
		}
	}
	return p, rest, longest >= 0
}

// PartitionOfRegion finds the partition of a region by its name.
func (t *Table) PartitionOfRegion(region string) (*Partition, bool) {
	if !mayBeRegion(region) {
		return nil, false
	}
	for i := range t.Partitions {
		if t.Partitions[i].Regions.MatchString(region) {
			return &t.Partitions[i], true
		}
	}
	return nil, false
}

// mayBeRegion spares most host labels the regular expressions: AREA-PLACE-N.
func mayBeRegion(s string) bool {
	return len(s) > 5 && s[len(s)-1] >= '0' && s[len(s)-1] <= '9' && strings.Count(s, "-") >= 2
}

func inflate(block []byte) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(block))
	out, err := io.ReadAll(io.LimitReader(r, maxBlock+1))
	if err != nil {
		return nil, fmt.Errorf("inflating: %w", err)
	}
	if len(out) > maxBlock {
		return nil, errShort
	}
	return out, nil
}

// MatchesRegion reports whether a name is one of the partition's regions.
func (p Partition) MatchesRegion(name string) bool {
	if !mayBeRegion(name) {
		return false
	}
	if p.Regions == nil {
		re, err := regexp.Compile(p.pattern)
		if err != nil {
			return false
		}
		return re.MatchString(name)
	}
	return p.Regions.MatchString(name)
}
