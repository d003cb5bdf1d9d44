package verify_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/verify"
)

func keyOf(t testing.TB, name string) string {
	t.Helper()
	s, err := seal.File(filepath.Join(t.TempDir(), "key.pem"), name, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s.VKey()
}

// A policy chooses by the log's name: the right key holds, another's does not, and a
// log that it does not name is not trusted, whatever key lies beside it.
func TestAPolicySaysWhichLogsAreTrusted(t *testing.T) {
	dir := honest(t)
	public, vkey := published(t, dir)
	name, _, _ := strings.Cut(vkey, "+")
	other, witnessKey := keyOf(t, "other.example/log"), witnessOf(t)
	for what, c := range map[string]struct {
		keys []string
		more string
		want verify.Kind
	}{
		"its key":               {[]string{other, vkey}, "", verify.OK},
		"another of its name":   {[]string{keyOf(t, name)}, "", verify.Untrusted},
		"another log's":         {[]string{other}, "", verify.Untrusted},
		"a witness that is not": {[]string{vkey}, `,"witnesses":[` + witnessKey + `],"quorum":1,"fresh":"1h"`, verify.Untrusted},
	} {
		var logs []string
		for _, k := range c.keys {
			logs = append(logs, fmt.Sprintf(`{"key":%q%s}`, k, c.more))
		}
		p, err := verify.ReadPolicy([]byte(`{"logs":[` + strings.Join(logs, ",") + `]}`))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		opts := verify.Options{Policy: p, Now: at}
		if r, err := verify.Dir(t.Context(), dir, opts); err != nil || r.Kind != c.want || r.Pinned != (what != "another log's") {
			t.Errorf("%s: the ledger: %v %v %v", what, r.Kind, err, r.Problems)
		}
		if r, err := verify.Public(t.Context(), public, opts); err != nil || r.Kind != c.want {
			t.Errorf("%s: the published form: %v %v %v", what, r.Kind, err, r.Problems)
		}
	}
}

// witnessOf is the key of a witness, in JSON.
func witnessOf(t testing.TB) string {
	t.Helper()
	s, err := seal.File(filepath.Join(t.TempDir(), "key.pem"), "witness.example", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tlog.NewCosigner(s.Origin(), s.PublicKey(), s.NoteSigner().Sign)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%q", c.VKey())
}

func TestAPolicyIsReadStrictly(t *testing.T) {
	key, witnessKey := keyOf(t, "a.example"), witnessOf(t)
	for _, bad := range []string{
		``, `{}`, `{"logs":[]}`, `[]`,
		`{"logs":[{"key":"KEY"}],"more":1}`,
		`{"logs":[{"key":"KEY","vkey":"KEY"}]}`,
		`{"logs":[{"key":"KEY","key":"KEY"}]}`,
		`{"logs":[{"key":"KEY"}]} {}`,
		`{"logs":[{"key":"KEY"},{"key":"KEY"}]}`,
		`{"logs":[{"key":"nonsense"}]}`,
		`{"logs":[{"key":` + witnessKey + `}]}`,
		`{"logs":[{"key":"KEY","cosigner":"KEY"}]}`,
		`{"logs":[{"key":"KEY","witnesses":["KEY"]}]}`,
		`{"logs":[{"key":"KEY","witnesses":[` + witnessKey + `,` + witnessKey + `]}]}`,
		`{"logs":[{"key":"KEY","witnesses":[` + witnessKey + `],"quorum":2}]}`,
		`{"logs":[{"key":"KEY","witnesses":[` + witnessKey + `],"quorum":-1}]}`,
		`{"logs":[{"key":"KEY","quorum":1}]}`,
		`{"logs":[{"key":"KEY","fresh":"1h"}]}`,
		`{"logs":[{"key":"KEY","witnesses":[` + witnessKey + `],"fresh":"soon"}]}`,
		`{"logs":[{"key":"KEY","witnesses":[` + witnessKey + `],"fresh":"-1h"}]}`,
	} {
		if _, err := verify.ReadPolicy([]byte(strings.ReplaceAll(bad, "KEY", key))); err == nil {
			t.Errorf("%s is a policy", bad)
		}
	}
}

func FuzzReadPolicy(f *testing.F) {
	f.Add([]byte(`{"logs":[{"key":"` + keyOf(f, "a.example") + `","witnesses":[` + witnessOf(f) + `],"quorum":1,"fresh":"1h"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := verify.ReadPolicy(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.ReadPolicy(again); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
	})
}

// What is asked of witnesses is never passed over because none is named.
func TestAQuorumOfNobodyIsRefused(t *testing.T) {
	dir := honest(t)
	public, vkey := published(t, dir)
	witness := strings.Trim(witnessOf(t), `"`)
	for what, opts := range map[string]verify.Options{
		"a quorum of nobody":       {Quorum: 1},
		"fresh for nobody":         {Fresh: time.Hour},
		"less than none":           {Witnesses: []string{witness}, Quorum: -1},
		"more than there are":      {Witnesses: []string{witness}, Quorum: 2},
		"cosigned in a time to be": {Witnesses: []string{witness}, Fresh: -time.Hour},
	} {
		opts.VKey, opts.Now = vkey, at
		if r, err := verify.Dir(t.Context(), dir, opts); err == nil || r.Kind != verify.Unfinished {
			t.Errorf("%s: the ledger: %v %v", what, r.Kind, r.Problems)
		}
		if r, err := verify.Public(t.Context(), public, opts); err == nil || r.Kind != verify.Unfinished {
			t.Errorf("%s: the published form: %v %v", what, r.Kind, r.Problems)
		}
	}
}

// A folder is the same folder by another name.
func TestAFolderIsReadThroughALink(t *testing.T) {
	public, vkey := published(t, honest(t))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(public, link); err != nil {
		t.Skip(err) // not everybody may, on Windows
	}
	if r, err := verify.Public(t.Context(), link, verify.Options{VKey: vkey}); err != nil || r.Kind != verify.OK {
		t.Errorf("%s %v %v", r.Kind, r.Problems, err)
	}
}
