// Package setup prepares what the child of `assent run` needs so that its calls
// come by: environment variables, a trust bundle, a Java trust store and a
// kubeconfig overlay. It changes nothing outside the child's environment and one
// private folder, which Room.Close removes.
//
// What was set before is extended, never lost: a trust bundle holds the system's
// roots, every certificate the user had configured, and the run's own CA.
package setup

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Note is something that the user should know about the environment.
type Note struct {
	Text   string `json:"text"`
	Repair string `json:"repair,omitempty"`
}

// Params is what an environment is made from.
type Params struct {
	Proxy      string // host:port of the engine
	Run        string // the run's id
	Token      string // its secret
	Bundle     string // path of the trust bundle
	CA         string // path of the run's CA alone
	TrustStore string // path of the PKCS #12 store; empty: none
	Password   string // of the store
	Kubeconfig string // path of the overlay; empty: KUBECONFIG is left alone
	// Kubeconfigs are the paths of overlays for variables beside KUBECONFIG.
	Kubeconfigs map[string]string
	// Governed are host patterns that NO_PROXY must not take away from us; the
	// clouds' own domains are always among them.
	Governed []string
	// AWS takes the place of every AWS credential; nil: they are left alone.
	AWS *AWS
	// Direct is a host that the child reaches without the proxy: the run's gateway.
	Direct string
	OS     string // runtime.GOOS
}

// BundleVariables returns the variables that name a PEM bundle, and whose former
// files belong into the new one.
func BundleVariables() []string {
	return []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
		"NODE_EXTRA_CA_CERTS", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
		"CARGO_HTTP_CAINFO", "DENO_CERT", "PIP_CERT", "NIX_SSL_CERT_FILE"}
}

// ProxyVariables returns the variables that say where the proxy is.
func ProxyVariables() []string {
	return []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"}
}

// ProxyURL is the address of the engine with a run's token as userinfo.
func ProxyURL(address, run, token string) string {
	return (&url.URL{Scheme: "http", Host: address, User: url.UserPassword(run, token)}).String()
}

// Environ returns the child's environment. It is pure: base stays as it is.
func Environ(base []string, in Params) (env []string, notes []Note, err error) {
	if in.Proxy == "" || in.Run == "" || in.Token == "" || in.Bundle == "" || in.CA == "" {
		return nil, nil, errors.New("preparing the child's environment: address, run, token, bundle and CA are needed")
	}
	e := environment{vars: slices.Clone(base), fold: in.OS == "windows"}
	proxyURL := ProxyURL(in.Proxy, in.Run, in.Token)
	if old := e.first("HTTPS_PROXY", "https_proxy"); old != "" && old != proxyURL {
		notes = append(notes, Note{Text: "the proxy in HTTPS_PROXY (" + redacted(old) + ") is not used in this run: assent connects directly"})
	}
	for _, name := range ProxyVariables() {
		e.set(name, proxyURL)
	}
	kept, taken := noProxy(e.get("NO_PROXY"), e.get("no_proxy"), append(CloudDomains(), in.Governed...))
	if len(taken) > 0 {
		notes = append(notes, Note{Text: "NO_PROXY: taken out " + strings.Join(taken, ", ") + ", which would lead governed calls past assent"})
	}
	if in.Direct != "" {
		kept = strings.TrimPrefix(kept+","+in.Direct, ",")
	}
	e.set("NO_PROXY", kept)
	e.set("no_proxy", kept)
	for _, name := range BundleVariables() {
		e.set(name, in.Bundle)
	}
	if in.AWS != nil {
		e.brokered(*in.AWS)
	}
	e.set("NODE_USE_ENV_PROXY", "1")
	e.set("JAVA_TOOL_OPTIONS", java(e.get("JAVA_TOOL_OPTIONS"), in))
	e.set("ASSENT_RUN", in.Run)
	e.set("ASSENT_CA", in.CA)
	if in.Kubeconfig != "" {
		e.set("KUBECONFIG", in.Kubeconfig)
	}
	for _, name := range slices.Sorted(maps.Keys(in.Kubeconfigs)) {
		e.set(name, in.Kubeconfigs[name])
	}
	if in.OS == "darwin" {
		notes = append(notes, Note{
			Text:   "Go programs on macOS trust the keychain only: terraform, gh and other Go tools will refuse this run's CA",
			Repair: "security add-trusted-cert -p ssl -k ~/Library/Keychains/login.keychain-db \"$ASSENT_CA\"",
		})
	}
	return e.vars, notes, nil
}

// java adds what a JVM reads instead of the environment.
func java(old string, in Params) string {
	host, port, _ := strings.Cut(in.Proxy, ":")
	options := []string{
		"-Dhttps.proxyHost=" + host, "-Dhttps.proxyPort=" + port,
		"-Dhttp.proxyHost=" + host, "-Dhttp.proxyPort=" + port,
	}
	if in.OS != "linux" { // there, a JVM is known by its connection: its own client has no place for a token
		options = append(options, "-Dhttps.proxyUser="+in.Run, "-Dhttps.proxyPassword="+in.Token,
			// Basic authentication on CONNECT is off in Java by default; it is safe on loopback.
			"-Djdk.http.auth.tunneling.disabledSchemes=")
	}
	if in.TrustStore != "" {
		path := in.TrustStore
		if strings.ContainsAny(path, " \t") {
			path = `"` + path + `"`
		}
		options = append(options, "-Djavax.net.ssl.trustStore="+path, "-Djavax.net.ssl.trustStoreType=PKCS12",
			"-Djavax.net.ssl.trustStorePassword="+in.Password)
	}
	return strings.TrimSpace(old + " " + strings.Join(options, " "))
}

func redacted(proxy string) string {
	u, err := url.Parse(proxy)
	if err != nil || u.Host == "" {
		return "set before"
	}
	return u.Scheme + "://" + u.Host
}

// environment is a list of NAME=value with unique names.
type environment struct {
	vars []string
	fold bool // names differ in more than case (Windows: they do not)
}

func (e *environment) index(name string) int {
	for i := len(e.vars) - 1; i >= 0; i-- {
		key, _, _ := strings.Cut(e.vars[i], "=")
		if key == name || e.fold && strings.EqualFold(key, name) {
			return i
		}
	}
	return -1
}

func (e *environment) get(name string) string {
	if i := e.index(name); i >= 0 {
		_, value, _ := strings.Cut(e.vars[i], "=")
		return value
	}
	return ""
}

func (e *environment) first(names ...string) string {
	for _, name := range names {
		if v := e.get(name); v != "" {
			return v
		}
	}
	return ""
}

func (e *environment) set(name, value string) {
	for i := e.index(name); i >= 0; i = e.index(name) {
		e.vars = slices.Delete(e.vars, i, i+1)
	}
	e.vars = append(e.vars, name+"="+value)
}
