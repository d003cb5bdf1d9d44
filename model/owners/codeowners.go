package owners

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Syntax is whose rules a CODEOWNERS file is read by.
type Syntax string

// The syntaxes.
const (
	GitHub Syntax = "github"
	GitLab Syntax = "gitlab"
)

const (
	// maxFile is what GitHub reads of a CODEOWNERS file.
	maxFile = 3 << 20
	// maxRules bounds what is looked through for each path.
	maxRules = 20_000
	// maxOwners bounds one line.
	maxOwners = 100
)

// File is a CODEOWNERS file that was read.
type File struct {
	syntax   Syntax
	sections []*section
}

// section is a part of GitLab's: the last rule that fits in each of them counts.
// GitHub's files have one, without a name.
type section struct {
	name     string
	optional bool
	owners   []string // of rules that name nobody
	rules    []rule
}

type rule struct {
	line    int
	pattern string
	owners  []string
	except  bool // GitLab: what it fits is nobody's in this section
	fits    *regexp.Regexp
}

// Match is the rule of one section that fits a path.
type Match struct {
	Section  string
	Optional bool
	Line     int
	Pattern  string
	Owners   []string // none: the path is said to be nobody's
}

// problem is what is wrong with a line.
func problem(line int, format string, args ...any) error {
	return fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
}

// Parse reads a CODEOWNERS file.
func Parse(r io.Reader, syntax Syntax) (*File, error) {
	if syntax != GitHub && syntax != GitLab {
		return nil, fmt.Errorf("syntax %q: want github or gitlab", syntax)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxFile:
		return nil, fmt.Errorf("more than %d bytes; neither GitHub reads it", maxFile)
	}
	f := &File{syntax: syntax, sections: []*section{{}}}
	now, rules := f.sections[0], 0
	text := strings.TrimPrefix(string(data), "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		line = strings.TrimRight(line, " \t\r")
		trimmed := strings.TrimLeft(line, " \t")
		switch {
		case trimmed == "" || trimmed[0] == '#':
			continue
		case !printable(trimmed):
			return nil, problem(n, "it has characters that cannot be seen; take them out")
		}
		if syntax == GitLab {
			if s, ok, err := readSection(trimmed, n); err != nil {
				return nil, err
			} else if ok {
				now = f.section(s)
				continue
			}
		}
		one, err := readRule(trimmed, n, syntax)
		if err != nil {
			return nil, err
		}
		if rules++; rules > maxRules {
			return nil, problem(n, "more than %d rules", maxRules)
		}
		now.rules = append(now.rules, one)
	}
	return f, nil
}

// section finds or makes a section; those with one name, in any case, are one.
func (f *File) section(s *section) *section {
	for _, have := range f.sections {
		if have.name != "" && strings.EqualFold(have.name, s.name) {
			if len(s.owners) > 0 {
				have.owners = s.owners
			}
			have.optional = have.optional && s.optional
			return have
		}
	}
	f.sections = append(f.sections, s)
	return s
}

// head is ^[Name][2] @default owners.
var head = regexp.MustCompile(`^(\^?)\[([^\[\]]+)\](?:\[(\d{1,4})\])?(?:\s+(.*))?$`)

func readSection(line string, n int) (*section, bool, error) {
	if line[0] != '[' && !strings.HasPrefix(line, "^[") {
		return nil, false, nil
	}
	m := head.FindStringSubmatch(line)
	if m == nil || strings.TrimSpace(m[2]) == "" {
		return nil, false, problem(n, "a section that is not [NAME], ^[NAME] or [NAME][APPROVALS], with its owners after it")
	}
	all, err := readOwners(strings.Fields(uncomment(m[4])), n, GitLab)
	if err != nil {
		return nil, false, err
	}
	return &section{name: strings.TrimSpace(m[2]), optional: m[1] != "", owners: all}, true, nil
}

func readRule(line string, n int, syntax Syntax) (rule, error) {
	r := rule{line: n}
	pattern, rest, err := cut(line)
	if err != nil {
		return r, problem(n, "%v", err)
	}
	if r.except = strings.HasPrefix(pattern, "!"); r.except {
		if pattern = pattern[1:]; syntax == GitHub {
			return r, problem(n, "GitHub has no patterns that begin with !; take the ! away, and give the path its owners, or none")
		}
	}
	r.pattern = pattern
	if r.owners, err = readOwners(strings.Fields(uncomment(rest)), n, syntax); err != nil {
		return r, err
	}
	if r.except && len(r.owners) > 0 {
		return r, problem(n, "what is excepted has no owners")
	}
	if r.fits, err = compile(pattern, syntax); err != nil {
		return r, problem(n, "pattern %s: %v", pattern, err)
	}
	return r, nil
}

// cut takes the pattern off a line: up to the first white space that no backslash
// stands before.
func cut(line string) (pattern, rest string, err error) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case ' ', '\t':
			return line[:i], line[i+1:], nil
		}
	}
	if strings.HasSuffix(line, `\`) && !strings.HasSuffix(line, `\\`) {
		return "", "", errors.New(`it ends with a \ that escapes nothing`)
	}
	return line, "", nil
}

// uncomment takes a comment off the end of owners.
func uncomment(text string) string {
	if i := strings.Index(" "+text, " #"); i >= 0 {
		return text[:i]
	}
	return text
}

// The forms of a handle: @user and @org/team, an address, and a role of GitLab's.
var (
	handle  = regexp.MustCompile(`^@[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?(?:/[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)*$`)
	address = regexp.MustCompile(`^[^@\s<>(),;:"\[\]]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	role    = regexp.MustCompile(`^@@(?:developer|maintainer|owner)s?$`)
)

func readOwners(words []string, n int, syntax Syntax) ([]string, error) {
	if len(words) > maxOwners {
		return nil, problem(n, "more than %d owners", maxOwners)
	}
	var all []string
	for _, w := range words {
		ok := handle.MatchString(w) || address.MatchString(w)
		if syntax == GitHub {
			ok = ok && strings.Count(w, "/") <= 1
		} else {
			ok = ok || role.MatchString(w)
		}
		if !ok {
			return nil, problem(n, "%q is no owner; an owner is @user, @org/team or an address", w)
		}
		if !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all, nil
}

func printable(line string) bool {
	for _, r := range line {
		if r < ' ' && r != '\t' || r == 0x7f || r == '\ufffd' {
			return false
		}
	}
	return true
}

// inside stands for any file of a folder, in a name that no pattern spells.
const inside = "\x00"

// Of returns who owns a path of the repository, by section; a path that ends with a
// slash is a folder, and whoever owns every file of it.
func (f *File) Of(path string) []Match {
	path = strings.TrimPrefix(path, "/")
	if path == "" || strings.HasSuffix(path, "/") {
		path += inside
	}
	var all []Match
	for _, s := range f.sections {
		var last *rule
		for i := range s.rules {
			if r := &s.rules[i]; r.fits.MatchString(path) {
				if last = r; r.except {
					break // GitLab: an exception is not taken back in its section
				}
			}
		}
		if last == nil || last.except {
			continue
		}
		m := Match{Section: s.name, Optional: s.optional, Line: last.line, Pattern: last.pattern, Owners: last.owners}
		if len(m.Owners) == 0 {
			m.Owners = s.owners
		}
		all = append(all, m)
	}
	return all
}
