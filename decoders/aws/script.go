package aws

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/model"
)

// A text that a machine will run (user data, a build's commands, a remote command)
// is a part of the call that hands it over, with the verb execute: whoever may
// start a machine may not thereby run what he likes on it. The text is not kept;
// its SHA-256 says which it was.

// maxScript bounds the text that is hashed after it was unpacked: user data has up
// to 16 KiB, a document of Systems Manager up to 64 KiB.
const maxScript = 1 << 20

// scriptRow says where calls and types carry a text that runs: see nested.yaml.
type scriptRow struct {
	In []string `yaml:"in"`
	At string   `yaml:"at"`
}

// script is one such text.
type script struct {
	member string
	hash   string // empty: it is not in the call
	bytes  int
}

// scripts finds the texts that a call or a resource hands over, before secrets are
// taken out.
func (d *Decoder) scripts(name string, tree map[string]any) []script {
	var out []script
	for _, row := range d.nested.scripts {
		if !slices.Contains(row.In, name) {
			continue
		}
		for _, h := range hits(any(tree), row.At, "", nil) {
			if empty(h.value) {
				continue
			}
			s := script{member: strings.ReplaceAll(row.At, ".[]", "")}
			if text, ok := scriptText(h.value); ok {
				sum := sha256.Sum256(text)
				s.hash, s.bytes = "sha256:"+hex.EncodeToString(sum[:]), len(text)
			}
			out = append(out, s)
		}
	}
	return out
}

// scriptText is the text itself: out of base64 and gzip, as cloud-init takes it,
// or a list of words and a map of parameters as canonical JSON.
func scriptText(v any) ([]byte, bool) {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, decoders.Redacted) {
			return nil, false
		}
		text := []byte(v)
		if raw, err := base64.StdEncoding.DecodeString(v); err == nil {
			text = raw
		}
		return unzipped(text), true
	case map[string]any:
		if cfn.IsFunction(v) {
			text, ok := v["Fn::Base64"].(string)
			return []byte(text), ok && !strings.Contains(text, decoders.Redacted)
		}
	}
	text, err := json.Marshal(v)
	return text, err == nil && !bytes.Contains(text, []byte(`"Fn::`)) && !bytes.Contains(text, []byte(`"Ref":`))
}

func unzipped(text []byte) []byte {
	if !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		return text
	}
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return text
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxScript+1))
	if err != nil || len(plain) > maxScript {
		return text
	}
	return plain
}

// runs are the parts of an action that run a text.
func (d *Decoder) runs(a *model.Action, scripts []script) ([]model.Action, error) {
	if !a.Verb.Mutates() || a.Verb == model.Delete {
		return nil, nil
	}
	var out []model.Action
	for _, s := range scripts {
		params, err := json.Marshal(struct {
			Member string `json:"Member"`
			SHA256 string `json:"SHA256,omitempty"`
			Bytes  int    `json:"Bytes,omitempty"`
		}{s.member, s.hash, s.bytes})
		if err != nil {
			return nil, fmt.Errorf("writing what %s runs: %w", a.Name(), err)
		}
		part := model.Action{Service: a.Service, Operation: a.Operation, Verb: model.Execute, Capability: a.Capability, Params: params,
			DryRun: a.DryRun, Where: a.Where, Fidelity: model.Exact,
			Targets: slices.DeleteFunc(slices.Clone(a.Targets), func(t model.Target) bool { return t.Role == model.RoleDependency })}
		if s.hash == "" {
			part.Fidelity, part.Unknown = model.Partial, []string{s.member}
		}
		out = append(out, part)
	}
	return out, nil
}
