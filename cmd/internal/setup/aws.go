package setup

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
)

// AWS is what the child has instead of an AWS credential: a key pair that is worth
// nothing at AWS.
type AWS struct {
	Key, Secret string
	Region      string // of the real credential's configuration; empty: none
	Config      string // path of a configuration file without credentials
	Credentials string // path of an empty file of credentials
}

// credentialVariables lead SDKs to a credential, or say what to do with one.
func credentialVariables() []string {
	return []string{
		"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CREDENTIAL_EXPIRATION",
		"AWS_SSO_START_URL", "AWS_SSO_ACCOUNT_ID", "AWS_SSO_ROLE_NAME", "AWS_LOGIN_CACHE_DIRECTORY", "AWS_BEARER_TOKEN_BEDROCK",
		"AWS_ACCESS_KEY", "AWS_SECRET_KEY", // of older tools
	}
}

// brokered takes every credential out of an environment and puts the pair in.
func (e *environment) brokered(in AWS) {
	for _, name := range credentialVariables() {
		e.unset(name)
	}
	e.set("AWS_ACCESS_KEY_ID", in.Key)
	e.set("AWS_SECRET_ACCESS_KEY", in.Secret)
	e.set("AWS_CONFIG_FILE", in.Config)
	e.set("AWS_SHARED_CREDENTIALS_FILE", in.Credentials)
	e.set("AWS_EC2_METADATA_DISABLED", "true")
	if in.Region != "" && e.first("AWS_REGION", "AWS_DEFAULT_REGION") == "" {
		e.set("AWS_REGION", in.Region)
		e.set("AWS_DEFAULT_REGION", in.Region)
	}
}

func (e *environment) unset(name string) {
	for i := e.index(name); i >= 0; i = e.index(name) {
		e.vars = append(e.vars[:i:i], e.vars[i+1:]...)
	}
}

// harmless are the settings of an AWS configuration file that are neither a
// credential nor a way to one.
func harmless(key string) bool {
	switch key {
	case "region", "output", "s3", "retry_mode", "max_attempts", "parameter_validation", "sts_regional_endpoints", "use_fips_endpoint",
		"use_dualstack_endpoint", "endpoint_url", "ignore_configured_endpoint_urls", "defaults_mode", "tcp_keepalive", "cli_pager",
		"cli_timestamp_format", "cli_binary_format", "cli_follow_urlparam", "cli_history", "cli_auto_prompt", "ec2_metadata_service_endpoint_mode",
		"request_checksum_calculation", "response_checksum_validation", "request_min_compression_size_bytes", "disable_request_compression":
		return true
	}
	return false
}

// WithoutCredentials returns an AWS configuration file with what is harmless alone.
func WithoutCredentials(config []byte) []byte {
	var out bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(config))
	lines.Buffer(nil, maxFile)
	section, keep := false, false // of a profile; of the setting that indented lines belong to
	for lines.Scan() {
		line := lines.Text()
		switch text := strings.TrimSpace(line); {
		case text == "" || text[0] == '#' || text[0] == ';':
		case text[0] == '[':
			name := strings.Trim(text, "[] \t")
			section, keep = name == "default" || strings.HasPrefix(name, "profile "), false
			if section {
				fmt.Fprintf(&out, "[%s]\n", name)
			}
		case line[0] == ' ' || line[0] == '\t':
			if section && keep {
				fmt.Fprintf(&out, "  %s\n", text)
			}
		default:
			key, _, _ := strings.Cut(text, "=")
			if keep = harmless(strings.ToLower(strings.TrimSpace(key))); section && keep {
				fmt.Fprintln(&out, text)
			}
		}
	}
	return out.Bytes()
}

// Brokered writes what the child reads instead of the user's AWS files. config is the
// user's own; nil: there is none.
func (r *Room) Brokered(in AWS, config []byte) (*AWS, error) {
	var err error
	if in.Config, err = r.Write("aws-config", WithoutCredentials(config)); err != nil {
		return nil, err
	}
	if in.Credentials, err = r.Write("aws-credentials", nil); err != nil {
		return nil, err
	}
	return &in, nil
}
