package identify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

type examRow struct {
	Service, Operation, Method, URL, Error string
	Headers                                map[string]string
	Body                                   []byte `json:"body_b64"`
}

func (r examRow) call(t testing.TB) decoders.Call {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := decoders.Call{Method: r.Method, Scheme: u.Scheme, Host: u.Host, URL: u, Header: http.Header{}, Body: r.Body}
	for k, v := range r.Headers {
		c.Header.Set(k, v)
	}
	return c
}

// sample is what runs on a developer's machine: each protocol and each trap. CI
// runs all services, which takes minutes.
var sample = []string{"s3", "s3control", "ec2", "sqs", "iam", "rds", "neptune", "elb", "elbv2", "dynamodb", "lambda", "route53", "cloudfront",
	"cloudtrail", "cloudwatch", "greengrass", "greengrassv2", "timestream-query", "timestream-write", "geo-maps", "ses", "sesv2", "codecatalyst"}

// exam runs testdata/exam.py, or reads what it wrote before (ASSENT_AWS_EXAM).
func exam(t testing.TB) (rows []examRow, whole bool) {
	t.Helper()
	var data []byte
	var err error
	ci := os.Getenv("CI") == "true"
	if path := os.Getenv("ASSENT_AWS_EXAM"); path != "" {
		data, err = os.ReadFile(path)
		whole = true
	} else {
		if exec.Command("python3", "-c", "import botocore").Run() != nil {
			if ci {
				t.Fatal("botocore is not installed: the identification exam MUST run in CI")
			}
			t.Skip("NOT RUN: the identification exam over all of AWS needs python3 with botocore")
		}
		args := []string{"../testdata/exam.py"}
		if whole = ci; !ci {
			t.Log("only a sample of services: CI=true runs all of them")
			args = append(args, sample...)
		}
		cmd := exec.Command("python3", args...)
		cmd.Stderr = os.Stderr
		data, err = cmd.Output()
	}
	if err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(bytes.NewReader(data))
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		var r examRow
		if err := json.Unmarshal(scan.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, scan.Text())
		}
		rows = append(rows, r)
	}
	return rows, whole
}

// custom is the same request sent to a custom endpoint, whose host says nothing
// but, by S3's custom, the bucket.
func (r examRow) custom(t testing.TB) examRow {
	t.Helper()
	if r.Method == "" {
		return r
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	bucket := ""
	if strings.HasPrefix(u.Host, "my-bucket.") {
		bucket = "my-bucket."
	}
	u.Host = bucket + "localhost:4566"
	r.URL = u.String()
	return r
}

// asked is the operation that a row stands for on the wire.
func asked(r examRow) string {
	service, op := r.Service, r.Operation
	if s, ok := sameAPI[service]; ok {
		service = s
	}
	if o, ok := sameOperation[service+":"+op]; ok {
		op = o
	}
	return service + ":" + op
}

func grade(t *testing.T, rows []examRow) (total, right, wrong, unknown int) {
	t.Helper()
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	id := New(tbl)
	for _, r := range rows {
		if r.Method == "" {
			t.Logf("botocore wrote no request for %s:%s: %s", r.Service, r.Operation, r.Error)
			continue
		}
		total++
		got, err := id.Identify(r.call(t))
		switch {
		case err != nil:
			unknown++
			t.Logf("refused  %s:%s: %v", r.Service, r.Operation, err)
		case got.Operation == nil:
			unknown++
			if unknown < 60 || os.Getenv("ASSENT_AWS_EXAM_ALL") != "" {
				t.Logf("unknown  %s:%s %s %s: %s", r.Service, r.Operation, r.Method, r.URL, got.Why)
			}
		case got.Service.Name == r.Service && got.Operation.Name == r.Operation, got.Service.Name+":"+got.Operation.Name == asked(r):
			right++
		default:
			wrong++
			t.Logf("WRONG    %s:%s %s %s: %s:%s", r.Service, r.Operation, r.Method, r.URL, got.Service.Name, got.Operation.Name)
		}
	}
	t.Logf("%d requests: %d right, %d wrong, %d unknown", total, right, wrong, unknown)
	return total, right, wrong, unknown
}

// Every operation that botocore can write is recognised, and none as another.
// With a custom endpoint the host says nothing: a call may then be ambiguous,
// which is unknown, but never taken for another.
func TestEveryOperationIsIdentified(t *testing.T) {
	rows, whole := exam(t)
	t.Run("under AWS's hosts", func(t *testing.T) {
		total, right, wrong, _ := grade(t, rows)
		if whole && total < 18300 {
			t.Errorf("only %d requests", total)
		}
		if wrong > 0 || right*1000 < total*999 {
			t.Errorf("%d of %d right (want 99.9 %%), %d wrong (want none)", right, total, wrong)
		}
	})
	t.Run("under a custom endpoint", func(t *testing.T) {
		for i := range rows {
			rows[i] = rows[i].custom(t)
		}
		total, right, wrong, _ := grade(t, rows)
		if wrong > 0 || right*100 < total*97 {
			t.Errorf("%d of %d right (want 97 %%), %d wrong (want none)", right, total, wrong)
		}
	})
}
