package table

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"regexp"
)

func (t *Table) readIndex(index, blocks []byte) error {
	c := &cursor{data: index}
	c.strings()
	t.Partitions = make([]Partition, c.count())
	for i := range t.Partitions {
		p := &t.Partitions[i]
		p.Name, p.DNS, p.DualStack, p.Global, p.pattern = c.str(), c.str(), c.str(), c.str(), c.str()
		re, err := regexp.Compile(p.pattern)
		if err != nil {
			return fmt.Errorf("regions of %s: %w", p.Name, err)
		}
		p.Regions = re
	}
	t.infos = make([]*Info, c.count())
	for n := range t.infos {
		i := &Info{}
		t.infos[n] = i
		i.Name, i.SigningName, i.EndpointPrefix = c.str(), c.str(), c.str()
		i.Protocols, i.JSONVersion, i.TargetPrefix = c.list(), c.str(), c.str()
		i.APIVersions, i.XMLNamespace, i.IAMPrefixes = c.list(), c.str(), c.list()
		i.SigningNames, i.HostLabels, i.BasePaths = c.list(), c.list(), c.list()
		unpackFlags(c.uint(), &i.Streams, &i.HostPrefixed, &i.Retired)
		i.OperationSize = c.uint()
		size := c.uint()
		if size > len(blocks) {
			return errShort
		}
		i.block, blocks = blocks[:size], blocks[size:]
	}
	t.cfn.count = c.uint()
	size := c.uint()
	if size > len(blocks) {
		return errShort
	}
	t.cfn.block = blocks[:size]
	return c.err
}

// NewPartition makes a partition for Encode.
func NewPartition(name, dns, dualStack, global, regions string) Partition {
	return Partition{Name: name, DNS: dns, DualStack: dualStack, Global: global, pattern: regions}
}

// Contents is all that a table holds, for Encode. Every Info carries its whole
// Service.
type Contents struct {
	Partitions []Partition
	Infos      []*Info
	CFN        []CFNType
}

// Encode writes a table: the generator's side of Parse. The same input gives the
// same bytes.
func Encode(all Contents) ([]byte, error) {
	w := newWriter()
	w.uint(len(all.Partitions))
	for _, p := range all.Partitions {
		for _, s := range []string{p.Name, p.DNS, p.DualStack, p.Global, p.pattern} {
			w.str(s)
		}
	}
	var blocks []byte
	w.uint(len(all.Infos))
	for _, i := range all.Infos {
		w.str(i.Name)
		w.str(i.SigningName)
		w.str(i.EndpointPrefix)
		w.list(i.Protocols)
		w.str(i.JSONVersion)
		w.str(i.TargetPrefix)
		w.list(i.APIVersions)
		w.str(i.XMLNamespace)
		w.list(i.IAMPrefixes)
		w.list(i.SigningNames)
		w.list(i.HostLabels)
		w.list(i.BasePaths)
		w.uint(packFlags(i.Streams, i.HostPrefixed, i.Retired))
		w.uint(len(i.Operations))
		block, err := deflate(encodeService(&i.Service))
		if err != nil {
			return nil, fmt.Errorf("writing service %s: %w", i.Name, err)
		}
		w.uint(len(block))
		blocks = append(blocks, block...)
	}
	types, err := deflate(encodeCFN(all.CFN))
	if err != nil {
		return nil, fmt.Errorf("writing CloudFormation types: %w", err)
	}
	w.uint(len(all.CFN))
	w.uint(len(types))
	blocks = append(blocks, types...)
	index, err := deflate(w.bytes())
	if err != nil {
		return nil, fmt.Errorf("writing index: %w", err)
	}
	out := binary.AppendUvarint([]byte(magic), uint64(len(index)))
	return append(append(out, index...), blocks...), nil
}

func deflate(raw []byte) ([]byte, error) {
	var buf bytes.Buffer
	f, err := flate.NewWriter(&buf, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(raw); err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
