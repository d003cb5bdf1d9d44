package setup

import (
	"slices"
	"strings"
	"testing"
)

// The child's AWS files hold the user's settings and no way to a credential.
func TestTheChildsAWSConfigurationHasNoCredentials(t *testing.T) {
	const config = `# mine
[default]
region = eu-west-1
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = secret
s3 =
  addressing_style = path
credential_process = /bin/print-secret
  nested = of-a-credential
[profile prod]
role_arn = arn:aws:iam::111122223333:role/x
source_profile = default
Output=json
sso_session = corp
[sso-session corp]
region = us-east-1
sso_start_url = https://corp.example
[plugins]
cli_legacy_plugin_path = /x
`
	want := "[default]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n[profile prod]\nOutput=json\n"
	if got := string(WithoutCredentials([]byte(config))); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestNoVariableLeadsTheChildToACredential(t *testing.T) {
	base := []string{"AWS_REGION=eu-north-1", "AWS_ACCESS_KEY_ID=real", "AWS_SECRET_ACCESS_KEY=real"}
	for _, name := range credentialVariables() {
		base = append(base, name+"=real")
	}
	in := Params{Proxy: "127.0.0.1:1", Run: "run_1", Token: "t", Bundle: "/b", CA: "/c", OS: "linux",
		AWS: &AWS{Key: "AKIAPLACEHOLDER", Secret: "placeholder", Region: "eu-west-1", Config: "/room/config", Credentials: "/room/credentials"}}
	env, _, err := Environ(base, in)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range env {
		if strings.HasSuffix(v, "=real") {
			t.Errorf("%s is left", v)
		}
	}
	for _, want := range []string{"AWS_ACCESS_KEY_ID=AKIAPLACEHOLDER", "AWS_SECRET_ACCESS_KEY=placeholder", "AWS_CONFIG_FILE=/room/config",
		"AWS_SHARED_CREDENTIALS_FILE=/room/credentials", "AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=eu-north-1"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func FuzzWithoutCredentials(f *testing.F) {
	f.Add([]byte("[default]\naws_secret_access_key = SECRET\nregion = x\n  SECRET\n"))
	f.Add([]byte("[profile a]\ns3 =\n  x = y\n[sso-session]\nregion = SECRET"))
	f.Fuzz(func(t *testing.T, config []byte) {
		for _, line := range strings.Split(string(WithoutCredentials(config)), "\n") {
			key, _, _ := strings.Cut(line, "=")
			if key = strings.TrimSpace(strings.ToLower(key)); strings.HasPrefix(line, "aws_") || key == "credential_process" && line[0] != ' ' {
				t.Fatalf("%q is left", line)
			}
		}
	})
}
