package owners

import (
	"slices"
	"strings"
	"testing"
)

func parse(t *testing.T, syntax Syntax, text string) *File {
	t.Helper()
	f, err := Parse(strings.NewReader(text), syntax)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return f
}

// The examples of GitHub's own page about code owners, and what it says of them.
func TestCodeOwnersIsReadAsGitHubReadsIt(t *testing.T) {
	f := parse(t, GitHub, `# comment
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.org
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat2
/apps/github
with\ space/ @spaced
`)
	for path, want := range map[string]string{
		"README":             "@global-owner1 @global-owner2",
		"a/b.js":             "@js-owner",
		"x/y/z.go":           "docs@example.com",
		"n.txt":              "@octo-org/octocats",
		"build/logs/a":       "@octocat2",
		"docs/a":             "@doctocat",
		"deep/apps/x/y":      "@octocat",
		"scripts/":           "@doctocat @octocat",
		"deply/logs/x":       "@octocat2",
		"apps/github/x":      "",
		"apps/githubber":     "@octocat",
		"with space/x":       "@spaced",
		"build/logs2":        "@global-owner1 @global-owner2",
		"infra/":             "@global-owner1 @global-owner2",
		"/leading/slash.txt": "@octo-org/octocats",
	} {
		got := f.Of(path)
		if len(got) != 1 || strings.Join(got[0].Owners, " ") != want {
			t.Errorf("%s: %+v, want %q", path, got, want)
		}
	}
	// Direct children alone; and below.
	f = parse(t, GitHub, "docs/* @one\n")
	if len(f.Of("docs/a.md")) != 1 || len(f.Of("docs/build-app/troubleshooting.md")) != 0 || len(f.Of("x/docs/a.md")) != 0 {
		t.Errorf("docs/*: %v %v %v", f.Of("docs/a.md"), f.Of("docs/build-app/troubleshooting.md"), f.Of("x/docs/a.md"))
	}
	// A folder is whoever's all of its files are.
	f = parse(t, GitHub, "/infra/shop/*.tf @tf\n/infra/shop/special.tf @special\n")
	if got := f.Of("infra/shop/"); len(got) != 0 {
		t.Errorf("a rule for some of its files owns the folder: %v", got)
	}
}

// Sections, their defaults, exceptions and roles, as GitLab's page has them.
func TestCodeOwnersIsReadAsGitLabReadsIt(t *testing.T) {
	f := parse(t, GitLab, `* @all
*.rb @ruby
README.md @group @group/with-nested/subgroup @@maintainers
[Documentation][2] @docs-team
docs/
/top/*.md
!docs/own/
[Database] @db
model/db/ @db @deep
^[Optional] @opt
*.go
[DOCUMENTATION]
README.md @docs-lead
/exact @exact
\#file.rb @hash
`)
	for path, want := range map[string]string{
		"a.rb":        ":@ruby",
		"x/README.md": ":@group @group/with-nested/subgroup @@maintainers Documentation:@docs-lead",
		"docs/a":      ":@all Documentation:@docs-team",
		"x/docs/a":    ":@all Documentation:@docs-team",
		"docs/own/a":  ":@all",
		"model/db/x":  ":@all Database:@db @deep",
		"a/b.go":      ":@all Optional:@opt",
		"exact":       ":@all Documentation:@exact",
		"exact/below": ":@all",
		"top/a.md":    ":@all Documentation:@docs-team",
		"top/x/a.md":  ":@all",
		"#file.rb":    ":@ruby Documentation:@hash",
	} {
		var got []string
		for _, m := range f.Of(path) {
			got = append(got, m.Section+":"+strings.Join(m.Owners, " "))
			if m.Optional != (m.Section == "Optional") {
				t.Errorf("%s: %+v", path, m)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", path, strings.Join(got, " "), want)
		}
	}
}

func TestALineThatNobodyWouldTakeIsAnErrorWithItsNumber(t *testing.T) {
	for _, c := range []struct {
		syntax     Syntax
		text, want string
	}{
		{GitHub, "* @ok\n!a @x\n", "line 2: GitHub has no patterns that begin with !"},
		{GitHub, "a[bc] @x", "no ranges"},
		{GitHub, "a @@maintainers", `"@@maintainers" is no owner`},
		{GitHub, "a @a/b/c", `"@a/b/c" is no owner`},
		{GitHub, "\n\na owner", `line 3: "owner" is no owner`},
		{GitHub, `a\`, "escapes nothing"},
		{GitHub, `\#a @x`, "at the beginning"},
		{GitHub, "a//b @x", "two slashes"},
		{GitHub, "a\x01 @x", "cannot be seen"},
		{GitHub, "/ @x", "names nothing"},
		{GitHub, "a @" + strings.Repeat("b", 10) + "-", "is no owner"},
		{GitLab, "[Section @x", "a section that is not"},
		{GitLab, "!a @x", "has no owners"},
		{GitLab, "[a] x", `"x" is no owner`},
		{"other", "", "want github or gitlab"},
		{GitHub, "a" + strings.Repeat(" @x@y.z", 0) + strings.Repeat(" @u", 101), "more than 100 owners"},
	} {
		if _, err := Parse(strings.NewReader(c.text), c.syntax); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := Parse(strings.NewReader(strings.Repeat("#", maxFile+1)), GitHub); err == nil {
		t.Error("a file of any size is read")
	}
}

// Whatever stands in a file, reading it ends, and says the same twice.
func FuzzCodeOwners(f *testing.F) {
	f.Add("* @a\n[S][2] @b\n!x\n/a/**/b?[c] a@b.c # d\n", "a/b/c", true)
	f.Add(`a\ b/ @x`, "a b/", false)
	f.Fuzz(func(t *testing.T, text, path string, gitlab bool) {
		syntax := GitHub
		if gitlab {
			syntax = GitLab
		}
		one, err := Parse(strings.NewReader(text), syntax)
		if err != nil {
			return
		}
		two, err := Parse(strings.NewReader(text), syntax)
		if err != nil {
			t.Fatal("read once, refused then")
		}
		a, b := one.Of(path), two.Of(path)
		if !slices.EqualFunc(a, b, func(x, y Match) bool { return x.Line == y.Line && slices.Equal(x.Owners, y.Owners) }) {
			t.Fatalf("%v, then %v", a, b)
		}
		for _, m := range a {
			if m.Line < 1 || m.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("line %d of %q", m.Line, text)
			}
		}
	})
}
