package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The real credential of these tests, which no child may ever see.
const (
	realSecret = "the-real-secret-that-stays-with-assent"
	realToken  = "IQoJtheRealSessionTokenThatStaysWithAssent"
)

// brokered is a world whose real credential is in the environment of assent, behind a
// cloud that recomputes every signature with it.
func brokered(t *testing.T, more string) *world {
	w := newWorld(t)
	w.env["AWS_SECRET_ACCESS_KEY"], w.env["AWS_SESSION_TOKEN"] = realSecret, realToken
	w.behind(&cloud{t: t, url: startVerifier(t, accessKey, realSecret, realToken)}, more)
	return w
}

// The command holds a key pair that is worth nothing; assent checks what it signs and
// signs it anew, and the cloud that recomputes each signature finds no mismatch.
func TestTheBrokerSignsAnewWhatClientsSign(t *testing.T) {
	w := brokered(t, "")
	python := tool(t, "python3")
	for name, client := range map[string][]string{
		"boto3":         {python, testdata(t, "keys.py")},
		"aws-sdk-go-v2": {goSDK(t), "keys"},
	} {
		r := w.assent(append([]string{"run", "--broker", "--"}, client...)...)
		if r.code != 0 || !strings.Contains(r.out, ", 0 mismatches") {
			t.Errorf("%s: %v", name, r)
		}
	}
	r := w.assent("run", "--broker", "--", tool(t, "aws"), "s3api", "delete-bucket", "--bucket", "acme", "--region", "eu-west-1")
	if r.code != 0 {
		t.Errorf("aws: %v", r)
	}
	secretsStay(t, w)
}

// Nothing that the child, the terminal, the ledger or the model holds is the secret.
func TestTheRealSecretStaysWithAssent(t *testing.T) {
	w := brokered(t, "")
	r := w.assent("run", "--broker", "--", "sh", "-c", `env; cat "$AWS_CONFIG_FILE" "$AWS_SHARED_CREDENTIALS_FILE"`)
	if r.code != 0 {
		t.Fatalf("%v", r)
	}
	contains(t, "the child's environment", r.out, "AWS_ACCESS_KEY_ID=AKIARZPUZDI", "AWS_SECRET_ACCESS_KEY=")
	for _, secret := range []string{realSecret, realToken, accessKey, "AWS_SESSION_TOKEN"} {
		if strings.Contains(r.out, secret) {
			t.Errorf("the child sees %s:\n%s", secret, r.out)
		}
	}
	secretsStay(t, w)
}

// secretsStay looks for the secrets in everything that assent wrote.
func secretsStay(t *testing.T, w *world) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(w.home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() { // the daemon's own door is a socket
			return err
		}
		data, err := os.ReadFile(path)
		files++
		for _, secret := range []string{realSecret, realToken} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds %s", path, secret)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files were looked at: %v", files, err)
	}
}

// What went out under which key, and what was changed for it, is in the evidence.
func TestTheLedgerSaysWhatWasSignedAnew(t *testing.T) {
	w := brokered(t, "")
	if r := w.assent("run", "--broker", "--as", "deploy-agent", "--", tool(t, "aws"), "s3api", "put-object", "--bucket", "acme", "--key", "k"); r.code != 0 {
		t.Fatalf("%v", r)
	}
	var entry struct {
		Outcome struct {
			Result string `json:"result"`
			Signed struct {
				Key, As, Instead string
				Changed          []string
			} `json:"signed"`
		} `json:"outcome"`
	}
	lines := strings.Split(strings.TrimSpace(w.must(binary, "ledger", "tail", "--all", "--json").out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &entry); err != nil {
		t.Fatal(err)
	}
	s := entry.Outcome.Signed
	if entry.Outcome.Result != "succeeded" || s.Key != accessKey || s.As != "default chain" || !strings.HasPrefix(s.Instead, "AKIARZPUZDI") || s.Instead == accessKey ||
		strings.Join(s.Changed, " ") != "Authorization X-Amz-Date X-Amz-Security-Token" {
		t.Errorf("the last entry is %s", lines[len(lines)-1])
	}
	contains(t, "ledger verify", w.must(binary, "ledger", "verify").out, "verified")
}

// A broker without a credential says what to do before anything runs.
func TestABrokerWithoutACredentialSaysSo(t *testing.T) {
	w := newWorld(t)
	delete(w.env, "AWS_ACCESS_KEY_ID")
	delete(w.env, "AWS_SECRET_ACCESS_KEY")
	r := w.assent("run", "--broker", "--", "true")
	if r.code != 125 {
		t.Errorf("%v", r)
	}
	contains(t, "stderr", r.errOut, "assent: repair: sign in first")
}
