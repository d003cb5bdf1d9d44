package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Secrets are never stored: values that AWS marks as sensitive, that only look
// like secrets, and that come back in answers, are nowhere under the state
// directory and nowhere on stderr, in plain or in base64.
func TestSecretsAreNeverStored(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	key, public := w.disclosureKey()
	w.behind(c, "withhold: "+public+"\n")
	w.write("canary.py", `
import boto3
p = "canary-" "password-8341"
boto3.client("secretsmanager").create_secret(Name="db", SecretString=p + "-secretsmanager")
boto3.client("secretsmanager").get_secret_value(SecretId="db")
boto3.client("rds").create_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="postgres",
    MasterUsername="root", MasterUserPassword=p + "-rds", AllocatedStorage=20)
boto3.client("ssm").put_parameter(Name="/db", Type="SecureString", Value=p + "-ssm")
boto3.client("ssm").get_parameter(Name="/db", WithDecryption=True)
boto3.client("iam").create_user(UserName="u")
key = boto3.client("iam").create_access_key(UserName="u")["AccessKey"]
boto3.client("iam").create_login_profile(UserName="u", Password=p + "-Login1!")
boto3.client("lambda").list_functions()
import base64, json
boto3.client("s3").create_bucket(Bucket="acme-canary")
boto3.client("s3").put_bucket_tagging(Bucket="acme-canary", Tagging={"TagSet": [
    {"Key": "password", "Value": p + "-tag"}, {"Key": "aws", "Value": "AKIA2E0A8F3B244C9986 wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY"}, {"Key": "config", "Value": json.dumps({"a": json.dumps({"password": p + "-escaped"})})}]})
boto3.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, UserData="export DB_PASSWORD=" + p + "-userdata")
s3 = boto3.client("s3")
s3.put_object(Bucket="acme-canary", Key="k", Body=b"", Metadata={"password": p + "-header"})
boto3.client("sqs").create_queue(QueueName="q")
print(key["SecretAccessKey"])
`)
	r := w.assent("run", "--", tool(t, "python3"), "canary.py")
	if r.code != 0 {
		t.Fatalf("%v", r)
	}
	// What an auditor is handed, and what is answered, lies there too.
	w.must(binary, "evidence", "pack", "--from", "1h", "--to", "2999-01-01", "--framework", "soc2", "--samples", "100", "--out", filepath.Join(w.home, "state", "pack"))
	for name, args := range map[string][]string{"query": {"query", "--json"}, "csv": {"export", "--format", "csv"}, "ocsf": {"export", "--format", "ocsf"}, "cloudevents": {"export", "--format", "cloudevents"}} {
		answer := w.must(binary, append([]string{"evidence"}, args...)...).out
		if err := os.WriteFile(filepath.Join(w.home, "state", name+".out"), []byte(answer), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	canaries := []string{"canary-password-8341", "wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY", strings.TrimSpace(r.out), w.env["AWS_SECRET_ACCESS_KEY"]}
	for i, secret := range canaries[:len(canaries):len(canaries)] {
		if len(secret) < 12 {
			t.Fatalf("canary %d is too short to prove anything: %q", i, secret)
		}
		for shift := range 3 { // base64 of a text depends on where it begins
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
			canaries = append(canaries, encoded[4:len(encoded)-4])
		}
	}
	haystacks := map[string][]byte{"stderr": []byte(r.errOut)}
	err := filepath.WalkDir(filepath.Join(w.home, "state"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		haystacks[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(haystacks) < 100 {
		t.Fatalf("only %d files were searched", len(haystacks))
	}
	for where, data := range haystacks {
		for _, secret := range canaries {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q", where, secret)
			}
		}
	}
	if got := w.decisions(); len(got) < 6 {
		t.Errorf("only %d decisions were recorded", len(got))
	}
	w.provesThenRedacts(key, "canary-password-8341-secretsmanager", "canary-password-8341-rds", "canary-password-8341-ssm", "canary-password-8341-Login1%21",
		"canary-password-8341-tag", "canary-password-8341-escaped", "canary-password-8341-header",
		"wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY", strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("export DB_PASSWORD=canary-password-8341-userdata")), "="))
}

// disclosureKey makes a key with which what is withheld can be shown.
func (w *world) disclosureKey() (file, public string) {
	w.t.Helper()
	file = filepath.Join(w.t.TempDir(), "disclosure.pem")
	return file, strings.TrimSpace(w.must(binary, "ledger", "disclose", "--new-key", file).out)
}

// provesThenRedacts shows with the key what was withheld: each secret is in it, and
// proved. Then it is destroyed, and the ledger holds as before.
func (w *world) provesThenRedacts(key string, secrets ...string) {
	w.t.Helper()
	var shown strings.Builder
	var entries []string
	for _, line := range strings.Split(strings.TrimSpace(w.must(binary, "ledger", "tail", "--all", "--json").out), "\n") {
		var e struct {
			Index    int `json:"index"`
			Decision struct {
				Withheld []string `json:"withheld"`
			} `json:"decision"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.t.Fatal(err)
		}
		if len(e.Decision.Withheld) == 0 {
			continue
		}
		entries = append(entries, strconv.Itoa(e.Index))
		var d struct {
			Shown []struct{ Name, Value, Disclosure string }
		}
		if err := json.Unmarshal([]byte(w.must(binary, "ledger", "disclose", "--key", key, "--json", entries[len(entries)-1]).out), &d); err != nil {
			w.t.Fatal(err)
		}
		for i, s := range d.Shown {
			// By the RFC, and with nothing of ours: the signed entry has the hash.
			sum := sha256.Sum256([]byte(s.Disclosure))
			if e.Decision.Withheld[i] != base64.RawURLEncoding.EncodeToString(sum[:]) {
				w.t.Errorf("entry %d: what is shown as its %s is not proved", e.Index, s.Name)
			}
			value := []byte(s.Value)
			if strings.HasSuffix(s.Name, ";base64") {
				value, _ = base64.StdEncoding.DecodeString(s.Value)
			}
			shown.Write(append(value, '\n'))
		}
	}
	for _, secret := range secrets {
		if !strings.Contains(shown.String(), secret) {
			w.t.Errorf("%q was withheld, and cannot be shown", secret)
		}
	}
	for some := range slices.Chunk(entries, 64) {
		w.must(binary, append([]string{"ledger", "redact", "--reason", "asked to"}, some...)...)
	}
	if r := w.assent("ledger", "disclose", "--key", key, entries[0]); r.code == 0 || !strings.Contains(r.errOut, "is destroyed") {
		w.t.Errorf("after redact: %v", r)
	}
	w.must(binary, "ledger", "verify")
}
