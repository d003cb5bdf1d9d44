// Package exam gives the tests of decoders/aws real requests to read: what
// botocore writes and signs for every operation of every service, on every shape
// of endpoint, and what a newer botocore writes for operations that the table has
// never heard of. Nothing is sent, and no key is real.
//
// testdata/exam.py writes the rows, in as many processes as there are cores; a
// set is made once for one version of botocore and of the scripts, and kept under
// .tools/aws-exam. The whole of it takes about two minutes. Without CI=true or
// ASSENT_AWS_EXAM=all only a sample of services is made.
//
// What may differ from a clean pass is in testdata/*.txt, by name and with its
// reason; the tests want those lists exact, so that none can grow unseen.
package exam

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

// Row is one request and what is to be found in it.
type Row struct {
	Kind, Service, Operation, Protocol string

	Method, URL string
	Headers     map[string]string
	Body        []byte
	Error       string // why botocore wrote no request; Method is then empty

	ID          string         // the service's id, as other SDKs name their clients
	Signing     string         // the operation's own way of signing
	EventStream bool           // the input is one
	Want        map[string]any // full: what was asked for
	Shape       string         // s3: of the endpoint
	Found       map[string]string
}

// Name is SERVICE:OPERATION.
func (r Row) Name() string { return r.Service + ":" + r.Operation }

// Call is the request as the proxy hands it to a decoder.
func (r Row) Call(t testing.TB) decoders.Call {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := decoders.Call{Method: r.Method, Scheme: u.Scheme, Host: u.Host, URL: u, Header: http.Header{}, Body: r.Body}
	for name, value := range r.Headers {
		c.Header.Set(name, value)
	}
	return c
}

// At is the row sent to another host.
func (r Row) At(t testing.TB, host string) Row {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = host
	r.URL = u.String()
	return r
}

// sample is what runs on a developer's machine: each protocol and each trap.
var sample = []string{"s3", "s3control", "ec2", "sqs", "iam", "rds", "neptune", "elb", "elbv2", "dynamodb", "lambda", "route53", "cloudfront",
	"cloudfront-keyvaluestore", "cloudsearchdomain", "signin", "cloudtrail", "cloudwatch", "greengrass", "greengrassv2", "kinesis",
	"timestream-query", "timestream-write", "geo-maps", "ses", "sesv2", "codecatalyst", "chime-sdk-voice", "events"}

// Whole reports whether all services are examined.
func Whole() bool { return os.Getenv("CI") == "true" || os.Getenv("ASSENT_AWS_EXAM") == "all" }

// Sampled reports whether a service is among those examined.
func Sampled(service string) bool {
	for _, s := range sample {
		if s == service {
			return true
		}
	}
	return Whole()
}

// Newer is the botocore whose operations the table does not know all of.
const Newer = "1.44.8"

// Each makes the rows of one kind (minimal, full, s3, alternate) and hands them to
// do in order. A version of botocore takes the place of the installed one.
func Each(t testing.TB, kind, version string, do func(Row)) {
	t.Helper()
	f, err := os.Open(made(t, kind, version))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReaderSize(z, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return
		}
		if err != nil {
			t.Fatalf("reading the rows of %s: %v", kind, err)
		}
		var r Row
		d := json.NewDecoder(strings.NewReader(string(line)))
		d.UseNumber()
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%v: %.200s", err, line)
		}
		do(r)
	}
}

// made gives the file of a set of rows, and makes it if it is not there.
func made(t testing.TB, kind, version string) string {
	t.Helper()
	root, scripts := folders(t)
	tools := filepath.Join(root, ".tools", "aws-exam")
	path := []string{filepath.Join(tools, "crt")}
	if version != "" {
		path = []string{filepath.Join(tools, "botocore-"+version), filepath.Join(tools, "crt-newer")}
	}
	env := append(os.Environ(), "PYTHONPATH="+strings.Join(path, string(os.PathListSeparator)))
	probe := exec.Command("python3", "-c", "import awscrt, botocore; print(botocore.__version__)")
	probe.Env = env
	out, err := probe.Output()
	got := strings.TrimSpace(string(out))
	if err != nil || version != "" && got != version {
		if os.Getenv("CI") == "true" {
			t.Fatalf("botocore %s with awscrt is not installed: the exam over all of AWS MUST run in CI (.ci/tools.sh cloud exam)", version)
		}
		t.Skip("NOT RUN: the exam over all of AWS needs python3 with botocore and awscrt: .ci/tools.sh cloud exam")
	}
	args := []string{kind}
	if !Whole() && kind != "s3" {
		t.Log("only a sample of services: CI=true or ASSENT_AWS_EXAM=all takes all of them")
		args = append(args, sample...)
	}
	file := filepath.Join(tools, "rows", key(t, scripts, got, args)+".jsonl.gz")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		file = filepath.Join(t.TempDir(), filepath.Base(file))
	}
	script := exec.Command("python3", append([]string{filepath.Join(scripts[0], "exam.py")}, args...)...)
	script.Env, script.Stderr = env, os.Stderr
	if err := keep(script, file); err != nil {
		t.Fatalf("making the rows of %s: %v", kind, err)
	}
	return file
}

// folders gives the module's root and where the scripts are.
func folders(t testing.TB) (root string, scripts []string) {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the folder of this package is not known")
	}
	here = filepath.Dir(here)
	return filepath.Join(here, "../../../.."), []string{filepath.Join(here, "testdata"), filepath.Join(here, "../../testdata")}
}

// key names a set of rows by everything that it is made of.
func key(t testing.TB, scripts []string, version string, args []string) string {
	t.Helper()
	h := sha256.New()
	for _, dir := range scripts {
		files, err := filepath.Glob(filepath.Join(dir, "*.py"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(h, "%s %d\n%s", filepath.Base(name), len(text), text)
		}
	}
	fmt.Fprint(h, version, args)
	return args[0] + "-" + version + "-" + hex.EncodeToString(h.Sum(nil)[:8])
}

// keep runs a command into a compressed file, which appears whole or not at all.
func keep(cmd *exec.Cmd, file string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".rows-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	cmd.Stdout = z
	if err := cmd.Run(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
