package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

const operatorIntent = `
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop}
spec:
  tier: production
  scope:
    - {aws: {accounts: ["123456789012"], regions: [us-east-1]}}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec:
  accountable: human:ines@shop.example
  owns:
    - {aws: {account: "123456789012"}}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: deploy-agent}
spec:
  kind: agent
  identify: [{run: deploy-agent}]
  owner: platform
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: operations, owner: platform}
spec:
  purpose: Keep the shop running.
  allow:
    - {id: all, who: [deploy-agent], may: [create, update, enable, attach, detach, delete], in: [shop]}
`

// slowCloud stands before moto, and keeps the answers to deletions back until it is
// told to let them go.
type slowCloud struct {
	*httptest.Server
	arrived, release chan struct{}
}

func startSlowCloud(t *testing.T, c *cloud) *slowCloud {
	t.Helper()
	moto, err := url.Parse(c.url)
	if err != nil {
		t.Fatal(err)
	}
	s := &slowCloud{arrived: make(chan struct{}, 16), release: make(chan struct{}, 16)}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(moto); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Header.Get("X-Kept-Back") != "" {
				s.arrived <- struct{}{}
				<-s.release
			}
			return nil
		},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/test/arrived":
			<-s.arrived
			return
		case "/test/release":
			s.release <- struct{}{}
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		for _, op := range []string{"Action=TerminateInstances", "Action=DeleteVolume"} {
			if strings.Contains(string(body), op) {
				r.Header.Set("X-Kept-Back", "1")
			}
		}
		forward.ServeHTTP(w, r)
	}))
	var once sync.Once
	t.Cleanup(func() {
		once.Do(func() { close(s.release) }) // whoever still waits
		s.Close()
	})
	return s
}

// TestConcurrentActionsSeeEachOther: a deletion that is forwarded and not answered is
// seen by the next call: the last but one machine behind a load balancer, and a
// volume that is attached while it goes. The refusal names the entry; after the
// answer the same call is judged by what is left.
func TestConcurrentActionsSeeEachOther(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	python := tool(t, "python3")
	slow := startSlowCloud(t, c)
	w.write("assent.yaml", "upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+slow.URL+"\"}\nintent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", operatorIntent)
	w.write("two.py", fmt.Sprintf(`import threading, urllib.request
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
once = Config(retries={"total_max_attempts": 1}, read_timeout=300)
ec2, lb = boto3.client("ec2", config=once), boto3.client("elbv2", config=once)
def tell(what): urllib.request.build_opener(urllib.request.ProxyHandler({})).open(%q + "/test/" + what, timeout=300).read()
def slowly(call, meanwhile):
    failed = []
    def run():
        try: call()
        except Exception as e: failed.append(e)
    t = threading.Thread(target=run)
    t.start()
    tell("arrived")
    try:
        meanwhile()
        print("PASSED beside it")
    except ClientError as e:
        print("refused:", e.response["Error"]["Code"], e.response["Error"]["Message"])
    tell("release")
    t.join()
    if failed: raise failed[0]

net = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
sub = ec2.create_subnet(VpcId=net, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
ids = [i["InstanceId"] for i in ec2.run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2, SubnetId=sub)["Instances"]]
group = lb.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=net)["TargetGroups"][0]["TargetGroupArn"]
lb.register_targets(TargetGroupArn=group, Targets=[{"Id": i} for i in ids])
slowly(lambda: ec2.terminate_instances(InstanceIds=ids[:1]), lambda: ec2.terminate_instances(InstanceIds=ids[1:]))

vol = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
slowly(lambda: ec2.delete_volume(VolumeId=vol), lambda: ec2.attach_volume(VolumeId=vol, InstanceId=ids[1], Device="/dev/sdf"))
tell_last = threading.Thread(target=lambda: (tell("arrived"), tell("release")))
tell_last.start()
ec2.terminate_instances(InstanceIds=ids[1:])
tell_last.join()
print("the last one went")
`, slow.URL))
	r := w.must(binary, "run", "--as", "deploy-agent", "--", python, "two.py")
	if strings.Contains(r.out, "PASSED") {
		t.Fatalf("two that do not go together passed: %v", r)
	}
	entries := map[string]bool{}
	for _, d := range w.decisions() {
		entries[d.ID] = true
	}
	refusals := 0
	for _, line := range strings.Split(r.out, "\n") {
		if !strings.HasPrefix(line, "refused:") {
			continue
		}
		refusals++
		contains(t, "the refusal", line, "AS2025", "(ledger entry ")
		at := strings.Index(line, "dec_")
		if id, _, _ := strings.Cut(line[max(at, 0):], " "); !entries[id] {
			t.Errorf("%q is no decision: %s", id, line)
		}
	}
	if refusals != 2 {
		t.Errorf("%d refusals: %v", refusals, r)
	}
	contains(t, "afterwards", r.out, "the last one went")
}
