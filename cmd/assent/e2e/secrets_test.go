package e2e

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Secrets are never stored: values that AWS marks as sensitive, that only look
// like secrets, and that come back in answers, are nowhere under the state
// directory and nowhere on stderr, in plain or in base64.
func TestSecretsAreNeverStored(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	w.behind(c, "")
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
    {"Key": "password", "Value": p + "-tag"}, {"Key": "config", "Value": json.dumps({"a": json.dumps({"password": p + "-escaped"})})}]})
boto3.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, UserData="export DB_PASSWORD=" + p + "-userdata")
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
	canaries := []string{"canary-password-8341", strings.TrimSpace(r.out), w.env["AWS_SECRET_ACCESS_KEY"]}
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
}
