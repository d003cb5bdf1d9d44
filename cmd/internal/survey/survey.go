// Package survey looks around a machine for what a first set of documents has to
// name: whose it is, which clusters and accounts are in reach. It reads names and
// numbers, never a secret, and asks nobody over a network.
package survey

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/decoders/aws/identify"
)

// maxFile bounds a file that is looked into: a Terraform state of a large estate is
// some tens of megabytes.
const maxFile = 64 << 20

// Machine is where to look.
type Machine struct {
	Dir, Home string
	User      string // the login name
	Getenv    func(string) string
	// Read reads a file of at most limit bytes; an error that is fs.ErrNotExist is
	// nothing to speak of.
	Read func(path string, limit int64) ([]byte, error)
	Glob func(pattern string) ([]string, error)
	// Mail is the address that git knows; empty: none.
	Mail string
}

// Account is one that was seen, and where.
type Account struct {
	ID      string
	Regions []string // none: not said
	From    []string
}

// Found is what there is.
type Found struct {
	Person   string // human:NAME
	Login    string // as assent run calls who gives no --as: human:USER
	Key      string // a public key, as a line of a .pub file
	KeyFrom  string
	Accounts []Account
	Clusters []string
	Teams    []string // of CODEOWNERS
	Notes    []string // what could not be read
}

// Look looks around.
func Look(m Machine) Found {
	s := &survey{Machine: m, accounts: map[string]*Account{}}
	s.person()
	s.keys()
	s.clusters()
	s.credentials()
	s.config()
	s.states()
	s.owners()
	for _, id := range sorted(s.accounts) {
		s.found.Accounts = append(s.found.Accounts, *s.accounts[id])
	}
	return s.found
}

type survey struct {
	Machine
	found    Found
	accounts map[string]*Account
}

// read returns nothing where there is nothing, and notes what cannot be read.
func (s *survey) read(path string) []byte {
	data, err := s.Read(path, maxFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.found.Notes = append(s.found.Notes, err.Error())
	}
	return data
}

func (s *survey) account(id, region, from string) {
	a := s.accounts[id]
	if a == nil {
		a = &Account{ID: id}
		s.accounts[id] = a
	}
	if region != "" && !slices.Contains(a.Regions, region) {
		a.Regions = append(a.Regions, region)
		sort.Strings(a.Regions)
	}
	if !slices.Contains(a.From, from) {
		a.From = append(a.From, from)
	}
}

// person is who sits here.
func (s *survey) person() {
	s.found.Login = "human:" + s.User
	name := s.Mail
	if name == "" {
		name = s.User
	}
	if name == "" {
		name = "fill-me-in"
	}
	s.found.Person = "human:" + strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r <= ' ' || strings.ContainsRune(",;", r) }), "-")
}

// keys finds the public key that a person signs approvals with.
func (s *survey) keys() {
	for _, name := range []string{"id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"} {
		if line, _, _ := strings.Cut(string(s.read(filepath.Join(s.Home, ".ssh", name))), "\n"); strings.Count(line, " ") >= 1 {
			s.found.Key, s.found.KeyFrom = strings.TrimSpace(line), filepath.Join("~", ".ssh", name)
			return
		}
	}
}

func (s *survey) clusters() {
	all, _, err := setup.Clusters(setup.KubeconfigFiles(s.Getenv, s.Home))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.found.Notes = append(s.found.Notes, err.Error())
	}
	for _, c := range all {
		if !slices.Contains(s.found.Clusters, c.Name) {
			s.found.Clusters = append(s.found.Clusters, c.Name)
		}
	}
	sort.Strings(s.found.Clusters)
}

var keyID = regexp.MustCompile(`(?m)^\s*aws_access_key_id\s*=\s*(\S+)`)

// credentials reads whose the keys are: an access key id has its account in it.
func (s *survey) credentials() {
	if id, ok := identify.Account(s.Getenv("AWS_ACCESS_KEY_ID")); ok {
		s.account(id, s.region(), "AWS_ACCESS_KEY_ID")
	}
	path := s.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	if path == "" {
		path = filepath.Join(s.Home, ".aws", "credentials")
	}
	for _, m := range keyID.FindAllSubmatch(s.read(path), -1) {
		if id, ok := identify.Account(string(m[1])); ok {
			s.account(id, s.region(), "~/.aws/credentials")
		}
	}
}

// region is the one that the environment says.
func (s *survey) region() string {
	if r := s.Getenv("AWS_REGION"); r != "" {
		return r
	}
	return s.Getenv("AWS_DEFAULT_REGION")
}

var profileAccount = regexp.MustCompile(`(?m)^\s*(?:sso_account_id\s*=\s*|role_arn\s*=\s*arn:[a-z-]+:iam::)([0-9]{12})\b`)

func (s *survey) config() {
	path := s.Getenv("AWS_CONFIG_FILE")
	if path == "" {
		path = filepath.Join(s.Home, ".aws", "config")
	}
	for _, m := range profileAccount.FindAllSubmatch(s.read(path), -1) {
		s.account(string(m[1]), "", "~/.aws/config")
	}
}

// states reads the ARNs in the Terraform states that lie here.
func (s *survey) states() {
	files, err := s.Glob(filepath.Join(s.Dir, "*.tfstate"))
	if err != nil {
		return
	}
	for _, path := range files {
		var state struct {
			Version   int `json:"version"`
			Resources []struct {
				Instances []struct {
					Attributes struct {
						ARN any `json:"arn"`
					} `json:"attributes"`
				} `json:"instances"`
			} `json:"resources"`
		}
		data := s.read(path)
		if len(data) == 0 {
			continue
		}
		if err := json.Unmarshal(data, &state); err != nil {
			s.found.Notes = append(s.found.Notes, path+" is no Terraform state: "+err.Error())
			continue
		}
		for _, r := range state.Resources {
			for _, i := range r.Instances {
				arn, _ := i.Attributes.ARN.(string)
				if f := strings.SplitN(arn, ":", 6); len(f) == 6 && f[0] == "arn" && len(f[4]) == 12 {
					s.account(f[4], f[3], filepath.Base(path))
				}
			}
		}
	}
}

// owners reads who answers for which files.
func (s *survey) owners() {
	for _, name := range []string{"CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS"} {
		data := s.read(filepath.Join(s.Dir, name))
		lines := bufio.NewScanner(bytes.NewReader(data))
		for lines.Scan() {
			line, _, _ := strings.Cut(lines.Text(), "#")
			fields := strings.Fields(line)
			if len(fields) < 2 || strings.HasPrefix(fields[0], "[") {
				continue
			}
			for _, who := range fields[1:] {
				if !slices.Contains(s.found.Teams, who) {
					s.found.Teams = append(s.found.Teams, who)
				}
			}
		}
	}
	sort.Strings(s.found.Teams)
}

func sorted(m map[string]*Account) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
