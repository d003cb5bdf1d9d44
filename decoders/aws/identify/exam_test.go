package identify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
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

// exam runs testdata/exam.py, or reads what it wrote before (ASSENT_AWS_EXAM).
func exam(t testing.TB, args ...string) []examRow {
	t.Helper()
	var data []byte
	var err error
	name := "ASSENT_AWS_EXAM"
	if len(args) > 0 {
		name = "ASSENT_AWS_EXAM_CUSTOM"
	}
	if path := os.Getenv(name); path != "" {
		data, err = os.ReadFile(path)
	} else {
		if exec.Command("python3", "-c", "import botocore").Run() != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("botocore is not installed: the identification exam MUST run in CI")
			}
			t.Skip("NOT RUN: the identification exam over all 18,378 operations needs python3 with botocore")
		}
		if testing.Short() {
			t.Skip("NOT RUN in short mode: the identification exam takes a minute")
		}
		cmd := exec.Command("python3", append([]string{"../testdata/exam.py"}, args...)...)
		cmd.Stderr = os.Stderr
		data, err = cmd.Output()
	}
	if err != nil {
		t.Fatal(err)
	}
	var rows []examRow
	scan := bufio.NewScanner(bytes.NewReader(data))
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		var r examRow
		if err := json.Unmarshal(scan.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, scan.Text())
		}
		rows = append(rows, r)
	}
	return rows
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
func TestEveryOperationIsIdentified(t *testing.T) {
	total, right, wrong, _ := grade(t, exam(t))
	if total < 18000 {
		t.Errorf("only %d requests", total)
	}
	if wrong > 0 || right*1000 < total*999 {
		t.Errorf("%d of %d right (want 99.9 %%), %d wrong (want none)", right, total, wrong)
	}
}

// A custom endpoint's host says nothing: a call may then be ambiguous, which is
// unknown, but never taken for another.
func TestNoOperationIsTakenForAnotherOnACustomEndpoint(t *testing.T) {
	total, right, wrong, _ := grade(t, exam(t, "--endpoint", "http://localhost:4566"))
	if wrong > 0 || right*100 < total*95 {
		t.Errorf("%d of %d right (want 95 %%), %d wrong (want none)", right, total, wrong)
	}
}
