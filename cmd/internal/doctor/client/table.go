package client

import (
	"fmt"
	"net/url"

	"github.com/assent-iom/assent/cmd/internal/setup"
)

// client is one way in which a program calls a server.
type client struct {
	name    string
	program string
	trust   string // what tells it of the authority in a run
	instead string // what beside --capture leads it here
	call    func(p *probe, url string) (call, error)
}

// call is a command line, and what it needs beside the environment of a run.
type call struct{ args, env []string }

// args makes a call of arguments that the address follows.
func args(fixed ...string) func(*probe, string) (call, error) {
	return func(_ *probe, url string) (call, error) {
		return call{args: append(append([]string{}, fixed...), url+"/")}, nil
	}
}

const (
	pyUrllib = "import sys, urllib.request\nurllib.request.urlopen(sys.argv[1], timeout=20).read()"
	// A library that is not installed ends with notThere.
	pyRequests = "import sys\ntry: import requests\nexcept ImportError: sys.exit(77)\nrequests.get(sys.argv[1], timeout=20)"
	pyBoto3    = "import sys\ntry: import boto3\nexcept ImportError: sys.exit(77)\n" +
		"boto3.client('sts', endpoint_url=sys.argv[1], region_name='us-east-1').get_caller_identity()"
	jsHTTPS = "require('https').get(process.argv[1],r=>r.resume()).on('error',e=>{console.error(e.message);process.exit(1)})"
	jsFetch = "if(!globalThis.fetch)process.exit(77);fetch(process.argv[1]).then(r=>r.text()).catch(e=>{console.error(e.message,e.cause&&e.cause.message);process.exit(1)})"

	javaURLConnection = "((java.net.HttpURLConnection) new java.net.URI(a[0]).toURL().openConnection()).getResponseCode();"
	javaHTTPClient    = "java.net.http.HttpClient.newHttpClient().send(java.net.http.HttpRequest.newBuilder(new java.net.URI(a[0])).build(), " +
		"java.net.http.HttpResponse.BodyHandlers.ofString());"
)

// placeholders make AWS clients sign; they are nobody's.
var placeholders = []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=placeholder", "AWS_SESSION_TOKEN=",
	"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER="}

// table lists what is tried, where it is installed.
func table() []client {
	return []client{
		{"curl", "curl", "CURL_CA_BUNDLE", "", args("-sS", "-m", "20", "-o", "/dev/null")},
		{"git", "git", "GIT_SSL_CAINFO", "", func(_ *probe, url string) (call, error) {
			return call{args: []string{"ls-remote", url + "/repository.git"}, env: []string{"GIT_TERMINAL_PROMPT=0"}}, nil
		}},
		{"python urllib", "python3", "SSL_CERT_FILE", "", args("-c", pyUrllib)},
		{"python requests", "python3", "REQUESTS_CA_BUNDLE", "", args("-c", pyRequests)},
		{"boto3", "python3", "AWS_CA_BUNDLE", "", func(_ *probe, url string) (call, error) {
			return call{args: []string{"-c", pyBoto3, url}, env: placeholders}, nil
		}},
		{"aws", "aws", "AWS_CA_BUNDLE", "", func(_ *probe, url string) (call, error) {
			return call{args: []string{"--endpoint-url", url, "--region", "us-east-1", "sts", "get-caller-identity"}, env: placeholders}, nil
		}},
		{"node https", "node", "NODE_EXTRA_CA_CERTS", "Node 24, which reads NODE_USE_ENV_PROXY", args("-e", jsHTTPS)},
		{"node fetch", "node", "NODE_EXTRA_CA_CERTS", "Node 24, which reads NODE_USE_ENV_PROXY", args("-e", jsFetch)},
		{"java URLConnection", "java", "JAVA_TOOL_OPTIONS", "", java("Connection", javaURLConnection)},
		{"java HttpClient", "java", "JAVA_TOOL_OPTIONS", "", java("Client", javaHTTPClient)},
		{"kubectl", "kubectl", "the kubeconfig of the run", "", kubectl},
		{"helm", "helm", "SSL_CERT_FILE", "", func(p *probe, url string) (call, error) {
			return call{args: []string{"show", "chart", "probe", "--repo", url},
				env: []string{"HELM_CACHE_HOME=" + p.dir, "HELM_CONFIG_HOME=" + p.dir, "HELM_DATA_HOME=" + p.dir}}, nil
		}},
		{"terraform", "terraform", "SSL_CERT_FILE", "", terraform},
		{"gcloud", "gcloud", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "", gcloud},
	}
}

// java runs one line of Java, which a JDK compiles.
func java(class, line string) func(*probe, string) (call, error) {
	return func(p *probe, url string) (call, error) {
		file, err := p.write(class+".java", "public class "+class+" { public static void main(String[] a) throws Exception { "+line+" } }\n")
		return call{args: []string{file, url + "/"}}, err
	}
}

// kubectl reads a kubeconfig as a run makes it of one that pins a cluster's own CA.
func kubectl(p *probe, address string) (call, error) {
	before := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: probe, clusters: [{name: probe, cluster: {server: %q, certificate-authority: /nowhere}}],
users: [{name: probe, user: {token: placeholder}}], contexts: [{name: probe, context: {cluster: probe, user: probe}}]}`, address)
	k, err := setup.ReadKubeconfig([]string{"probe"}, func(string) ([]byte, error) { return []byte(before), nil })
	if err != nil {
		return call{}, err
	}
	after, err := k.Overlay(p.proxy, p.ca)
	if err != nil {
		return call{}, err
	}
	file, err := p.write("kubeconfig", string(after))
	return call{args: []string{"--kubeconfig", file, "--request-timeout=20s", "get", "--raw", "/version"}}, err
}

// terraform looks for a provider at the host.
func terraform(p *probe, address string) (call, error) {
	u, err := url.Parse(address)
	if err != nil {
		return call{}, err
	}
	_, err = p.write("main.tf", fmt.Sprintf("terraform {\n  required_providers {\n    probe = { source = %q }\n  }\n}\n", u.Host+"/assent/probe"))
	if err != nil {
		return call{}, err
	}
	settings, err := p.write("terraformrc", "") // a mirror would be asked instead
	return call{args: []string{"init", "-input=false", "-no-color", "-backend=false"},
		env: []string{"CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=" + settings, "TF_DATA_DIR=" + p.dir + "/terraform"}}, err
}

// gcloud asks for projects at the host, with a token that is nobody's.
func gcloud(p *probe, address string) (call, error) {
	token, err := p.write("gcloud-token", "placeholder")
	return call{args: []string{"projects", "list", "--limit=1", "--quiet"},
		env: []string{"CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER=" + address + "/", "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=" + token,
			"CLOUDSDK_CORE_PROJECT=probe", "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_CONFIG=" + p.dir + "/gcloud",
			"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1"}}, err
}
