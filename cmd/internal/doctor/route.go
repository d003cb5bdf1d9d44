package doctor

import (
	"context"
	"net/url"
	"strings"

	"github.com/assent-iom/assent/cmd/internal/setup"
)

func bypass(_ context.Context, p Params) Result {
	taken := setup.Bypassing(p.Getenv("NO_PROXY")+","+p.Getenv("no_proxy"), nil)
	if len(taken) == 0 {
		return ok("nothing in it leads cloud calls past a proxy")
	}
	return warn("assent run takes them out by itself; for assent serve, take them out where NO_PROXY is set",
		"leads cloud calls past a proxy: %s", strings.Join(taken, ", "))
}

// another looks for a proxy that already stands between this machine and the
// cloud, and for the certificates that such proxies need.
func another(_ context.Context, p Params) Result {
	if p.Getenv("ASSENT_RUN") != "" {
		return warn("run assent outside of another assent run", "this is inside %s: an inner run would judge calls a second time", p.Getenv("ASSENT_RUN"))
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if value := p.Getenv(name); value != "" {
			host := "set"
			if u, err := url.Parse(value); err == nil && u.Host != "" {
				host = u.Host
			}
			return warn("let this machine reach the cloud directly", "%s (%s): assent connects directly and does not go through it", name, host)
		}
	}
	for _, name := range setup.BundleVariables() {
		if value := p.Getenv(name); value != "" {
			return warn("add its certificate to the system's roots: assent verifies clouds by those",
				"%s=%s: if something else opens TLS on the way, assent has to trust it too", name, value)
		}
	}
	return ok("no sign of one in the environment")
}

func kubeconfig(_ context.Context, p Params) Result {
	k, err := setup.ReadKubeconfig(setup.KubeconfigFiles(p.Getenv, p.Home), setup.ReadFile)
	switch {
	case err != nil:
		return fail("fix the file, or point KUBECONFIG elsewhere", "%v", err)
	case k == nil:
		return ok("none")
	}
	var loopback, pinned, insecure []string
	for _, c := range k.Clusters {
		if c.Loopback {
			loopback = append(loopback, c.Name)
		}
		if c.Pinned {
			pinned = append(pinned, c.Name)
		}
		if c.Insecure {
			insecure = append(insecure, c.Name)
		}
	}
	if len(insecure) > 0 {
		return warn("kubectl config set-cluster "+insecure[0]+" --certificate-authority=FILE --embed-certs",
			"verification is turned off for %s; assent verifies all the same, so calls fail", strings.Join(insecure, ", "))
	}
	if len(loopback)+len(pinned) > 0 {
		return warn("nothing for assent run, which gives its child an overlay; do not rely on HTTPS_PROXY alone",
			"only an overlay leads these through a proxy: on loopback %s; with a CA of their own %s", list(loopback), list(pinned))
	}
	return ok("%d clusters", len(k.Clusters))
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
