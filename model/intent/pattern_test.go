package intent

import "testing"

func TestUnknownNeverHelpsAPattern(t *testing.T) {
	cases := []struct {
		pattern, text   string
		match, overlaps bool
	}{
		{"a", "a", true, true},
		{"a", "b", false, false},
		{"a*", "abc", true, true},
		{"*c", "abc", true, true},
		{"a*c*e", "abcde", true, true},
		{"a*c", "abcd", false, false},
		{"*", "", true, true},
		{"arn:aws:s3:::acme-*", "arn:aws:s3:::acme-*", true, true},
		{"arn:aws:ec2:*:111:instance/*", "arn:aws:ec2:eu:*:instance/i-1", false, true},
		{"arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:eu:*:instance/i-1", true, true},
		{"arn:aws:ec2:*:111:volume/*", "arn:aws:ec2:eu:1:instance/i-1", false, false},
		{"111", "*", false, true},
		{"*", "*", true, true},
		{"prod-*", "*-1", false, true},
		{"prod", "dev*", false, false},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/(secret-abcdefghijklmnop)/x", true, true},
		{"arn:aws:s3:::b/ghp_x/x", "arn:aws:s3:::b/(secret-abcdefghijklmnop)/x", false, true},
		{"arn:aws:s3:::b/*/y", "arn:aws:s3:::b/(secret-abcdefghijklmnop)/x", false, false},
		{"arn:aws:s3:::b/*prod", "arn:aws:s3:::b/(secret-abcdefghijklmnop)", false, true},
		{"b/(secret-abcdefghijklmnop)/*", "b/(secret-abcdefghijklmnop)/x", true, true},
		{"b/(secret-bbcdefghijklmnop)/*", "b/(secret-abcdefghijklmnop)/x", false, false},
	}
	for _, c := range cases {
		if got := Match(c.pattern, c.text); got != c.match {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.text, got)
		}
		if got := Overlaps(c.pattern, c.text); got != c.overlaps {
			t.Errorf("Overlaps(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b", "a*")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern)+len(text) < 200 && Match(pattern, text) && !Overlaps(pattern, text) {
			t.Fatalf("%q covers all of %q and none of it", pattern, text)
		}
	})
}

func TestMostSpecificEnvironmentWins(t *testing.T) {
	env := func(name string, scopes ...Scope) *Environment { return &Environment{Name: name, Scope: scopes} }
	s := &Set{Environments: []*Environment{
		env("everything", Scope{AWS: &AWSScope{Accounts: Words{"*"}}}, Scope{Kubernetes: &KubernetesScope{Clusters: Words{"*"}}}),
		env("account", Scope{AWS: &AWSScope{Accounts: Words{"111122223333"}}}),
		env("region", Scope{AWS: &AWSScope{Accounts: Words{"111122223333"}, Regions: Words{"eu-*"}}}),
		env("apps", Scope{Kubernetes: &KubernetesScope{Clusters: Words{"c"}, Namespaces: Words{"app-*"}}}),
	}}
	cases := []struct {
		place Place
		want  string
	}{
		{Place{Platform: "aws", Account: "111122223333", Region: "eu-west-1"}, "region"},
		{Place{Platform: "aws", Account: "111122223333", Region: "us-east-1"}, "account"},
		{Place{Platform: "aws", Account: "111122223333"}, "account"},
		{Place{Platform: "aws", Account: "222222222222", Region: "eu-west-1"}, "everything"},
		{Place{Platform: "aws", Account: "*", Region: "eu-west-1"}, ""},    // may be any of three
		{Place{Platform: "aws", Account: "111122223333", Region: "*"}, ""}, // may be the region
		{Place{Platform: "kubernetes", Cluster: "c", Namespace: "app-1"}, "apps"},
		{Place{Platform: "kubernetes", Cluster: "c", Namespace: ""}, "everything"},
		{Place{Platform: "kubernetes", Cluster: "c", Namespace: "kube-system"}, "everything"},
		{Place{Platform: "gitea", Host: "git.example"}, ""},
	}
	for _, c := range cases {
		got, _ := s.Locate(c.place)
		if got == nil && c.want != "" || got != nil && got.Name != c.want {
			t.Errorf("%s: %v, want %q", c.place, got, c.want)
		}
	}
	if _, possible := s.Locate(Place{Platform: "aws", Account: "*", Region: "eu-west-1"}); len(possible) != 3 {
		t.Errorf("%d environments are possible, want 3", len(possible))
	}
}
