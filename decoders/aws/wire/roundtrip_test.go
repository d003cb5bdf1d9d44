package wire

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
	"github.com/assent-iom/assent/decoders/aws/internal/exam"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// sample is one line of testdata/roundtrip.py.
type sample struct {
	Service, Operation, Protocol, Method, URL string
	Headers                                   map[string]string
	Body                                      []byte
	Labels                                    map[string]string
	Want                                      map[string]any
	EventStream                               bool
}

func (s sample) call(t testing.TB) decoders.Call {
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for name, value := range s.Headers {
		h.Add(name, value)
	}
	return decoders.Call{Method: s.Method, Scheme: "https", Host: u.Host, URL: u, Header: h, Body: s.Body}
}

// bar is the least share of equal operations in each protocol.
const bar = 0.995

// exceptions are the operations whose parameters botocore itself changes on the
// way, or that cannot be told apart on the wire, with the reason.
var exceptions = map[string]string{
	"docdb.CopyDBClusterSnapshot":                    sourceRegion,
	"docdb.CreateDBCluster":                          sourceRegion,
	"neptune.CopyDBClusterSnapshot":                  sourceRegion,
	"neptune.CreateDBCluster":                        sourceRegion,
	"rds.CopyDBClusterSnapshot":                      sourceRegion,
	"rds.CopyDBSnapshot":                             sourceRegion,
	"rds.CreateDBCluster":                            sourceRegion,
	"rds.CreateDBInstanceReadReplica":                sourceRegion,
	"rds.StartDBInstanceAutomatedBackupsReplication": sourceRegion,
	"s3.PutObject":                                   expires,
	"s3.WriteGetObjectResponse":                      expires,
	"s3.CopyObject":                                  expires,
	"s3.CreateMultipartUpload":                       expires,
	"s3.GetObject":                                   expires,
	"s3.HeadObject":                                  expires,
	"s3.GetBucketNotification":                       "Event and Events have one element name; the answer held both",
	"s3.PutBucketNotification":                       "Event and Events have one element name; both were sent, both are read as Events",
}

const (
	sourceRegion = "SourceRegion is botocore's own: it becomes PreSignedUrl and never travels"
	expires      = "Expires is text in the model; botocore makes it a timestamp at run time"
)

// TestBotocoreRoundTrip: what botocore's serializers wrote comes back equal, and so
// does what EncodeInput writes of it. The step samples operations;
// ASSENT_EXAM_STEP=1 takes all of them.
func TestBotocoreRoundTrip(t *testing.T) {
	written := 0
	sentByPython(t, func(s sample, op *table.Operation) string {
		if why := s.check(t, op); why != "" {
			return why
		}
		why, ok := s.written(op)
		if ok {
			written++
		}
		return why
	})
	t.Logf("%d operations written", written)
	if written < 100 {
		t.Errorf("only %d operations were written", written)
	}
}

// TestBotocoreAnswers: what a service says in an answer comes out equal.
func TestBotocoreAnswers(t *testing.T) {
	sentByPython(t, func(s sample, op *table.Operation) string {
		resp := &decoders.Response{Status: 200, Header: http.Header{}, Body: s.Body}
		for name, value := range s.Headers {
			resp.Header.Add(name, value)
		}
		out := map[string]any{}
		r := &reader{tolerant: true} // DecodeOutput without its redaction
		if err := r.output(op, s.Protocol, resp, out); err != nil {
			return err.Error()
		}
		where := exam.Differs(s.Want, out)
		if strings.Contains(where, "PendingModifiedValues.LogDeliveryConfigurations") {
			t.Logf("left out: %s.%s%s: the element's name stands on the list shape, which the table does not carry", s.Service, s.Operation, where)
			return ""
		}
		return where
	}, "answers")
}

// sentByPython runs the driver and counts, by protocol, what check has nothing to say about.
func sentByPython(t *testing.T, check func(sample, *table.Operation) string, args ...string) {
	step := "17"
	if s := os.Getenv("ASSENT_EXAM_STEP"); s != "" {
		step = s
	} else if testing.Short() {
		step = "97"
	}
	cmd := exec.Command(python(t), append([]string{"testdata/roundtrip.py", step}, args...)...)
	cmd.Stderr = os.Stderr
	lines, err := cmd.Output()
	if err != nil {
		t.Fatalf("running roundtrip.py: %v", err)
	}
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	total, equal, absent := map[string]int{}, map[string]int{}, 0
	in := bufio.NewScanner(bytes.NewReader(lines))
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var s sample
		d := json.NewDecoder(bytes.NewReader(in.Bytes()))
		d.UseNumber()
		if err := d.Decode(&s); err != nil {
			t.Fatal(err)
		}
		svc, ok := tbl.Service(s.Service)
		if !ok {
			absent++
			continue
		}
		op, ok := svc.Operation(s.Operation)
		if !ok {
			absent++
			continue
		}
		if reason, known := exceptions[s.Service+"."+s.Operation]; known {
			t.Logf("left out: %s %s.%s: %s", s.Protocol, s.Service, s.Operation, reason)
			continue
		}
		total[s.Protocol]++
		if why := check(s, op); why != "" {
			t.Logf("exception: %s %s.%s: %s", s.Protocol, s.Service, s.Operation, why)
			continue
		}
		equal[s.Protocol]++
	}
	for _, protocol := range []string{Query, EC2, JSON, RestJSON, RestXML, CBOR} {
		n, ok := total[protocol], equal[protocol]
		t.Logf("%-20s %d of %d equal", protocol, ok, n)
		if n == 0 || float64(ok) < bar*float64(n) {
			t.Errorf("%s: %d of %d equal, want %.1f %%", protocol, ok, n, bar*100)
		}
	}
	if absent > 0 {
		t.Logf("%d operations are not in the table", absent)
	}
}

// check decodes the sample and says what is wrong.
func (s sample) check(t *testing.T, op *table.Operation) string {
	c := s.call(t)
	in, err := DecodeInput(op, s.Protocol, c, Options{Secrets: true, Labels: s.Labels})
	if err != nil {
		return err.Error()
	}
	if len(in.Unknown) > 0 && !s.EventStream {
		return "unknown: " + strings.Join(in.Unknown, ", ")
	}
	if s.EventStream == (in.Fidelity == model.Exact) {
		return "fidelity " + in.Fidelity.String()
	}
	if where := exam.Differs(s.Want, in.Params); where != "" {
		return where
	}
	return ""
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}
