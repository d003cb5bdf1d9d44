package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// aws-sdk-go-v2 signs Accept-Encoding and Content-Length; a proxy that touches
// either breaks it. moto checks every signature here.
func TestGoSDKSignaturesHold(t *testing.T) {
	c, w := startCloud(t, 4), newWorld(t)
	program := goSDK(t)
	w.behind(c, "")
	creds := strings.Fields(w.must(tool(t, "python3"), testdata(t, "bootstrap.py"), c.url).out)
	w.env["AWS_ACCESS_KEY_ID"], w.env["AWS_SECRET_ACCESS_KEY"] = creds[0], creds[1]
	r := w.assent("run", "--", program)
	if r.code != 0 {
		t.Fatalf("aws-sdk-go-v2: %v", r)
	}
	contains(t, "aws-sdk-go-v2", r.out, "signed calls, 0 mismatches")
}

// Object keys that naive proxies normalise arrive as they were signed: a verifier
// computes each signature anew from the bytes that arrived.
func TestOddKeysArriveAsTheyWereSigned(t *testing.T) {
	python, w := tool(t, "python3"), newWorld(t)
	w.behind(&cloud{t: t, url: startVerifier(t, accessKey, w.env["AWS_SECRET_ACCESS_KEY"])}, "")
	for _, client := range [][]string{{python, testdata(t, "keys.py")}, {goSDK(t), "keys"}} {
		r := w.assent(append([]string{"run", "--"}, client...)...)
		if r.code != 0 || !strings.Contains(r.out, ", 0 mismatches") {
			t.Errorf("%s: %v", filepath.Base(client[0]), r)
		}
	}
	w.env["AWS_SECRET_ACCESS_KEY"] = "not-the-right-one"
	if r := w.assent("run", "--", python, testdata(t, "keys.py")); r.code == 0 {
		t.Errorf("the verifier lets everything pass, so the test proves nothing: %v", r)
	}
}

// startVerifier starts the cloud that recomputes each signature, and returns its URL.
// With a token it wants that one too.
func startVerifier(t *testing.T, credential ...string) string {
	t.Helper()
	port := freePort(t)
	verifier := exec.Command(tool(t, "python3"), append([]string{testdata(t, "verifier.py"), port}, credential...)...)
	verifier.Stderr = os.Stderr
	if err := verifier.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { verifier.Process.Kill(); verifier.Wait() })
	waitFor(t, "the verifier", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return "http://127.0.0.1:" + port
}

// A refusal in rpc-v2-cbor, which only the newest SDKs speak.
func TestRefusalIsATypedErrorInCBOR(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	w.behind(c, "intent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", shopIntent)
	r := w.assent("run", "--as", "deploy-agent", "--", goSDK(t), "refused")
	if r.code != 0 {
		t.Fatalf("aws-sdk-go-v2: %v", r)
	}
	contains(t, "aws-sdk-go-v2", r.out, "the refusal is a typed error")
}

// goSDK builds the client of the folder awssdk.
func goSDK(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "awssdk")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = testdata(t, "../awssdk")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the SDK client: %v\n%s", err, out)
	}
	return program
}

// boto3 sees a typed error with the decision id as its request id, for each
// protocol, and sends nothing twice.
func TestRefusalsAreTypedErrorsInBoto3(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	w.behind(c, "intent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", shopIntent)
	before := c.state()
	r := w.assent("run", "--as", "deploy-agent", "--", tool(t, "python3"), testdata(t, "refused.py"))
	if r.code != 0 {
		t.Fatalf("boto3: %v", r)
	}
	contains(t, "boto3", r.out, "all refusals are typed")
	if c.state() != before {
		t.Error("refused calls changed the cloud")
	}
}
