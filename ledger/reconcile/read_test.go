package reconcile

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

var notion = Notion{
	AWS: func(source, event string) (string, string, model.Verb) {
		if strings.HasPrefix(event, "Get") {
			return strings.TrimSuffix(source, ".amazonaws.com"), event, model.Read
		}
		return strings.TrimSuffix(source, ".amazonaws.com"), event, model.Create
	},
	Kube: func(verb, uri string, object []byte) (string, model.Verb, bool) {
		if verb == "get" {
			return verb, model.Read, false
		}
		return verb + " configmaps", model.Create, bytes.Contains(object, []byte("dryRun"))
	},
}

const record = `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/mallory"},
"eventTime":"2026-11-24T12:00:00Z","eventSource":"s3.amazonaws.com","eventName":"CreateBucket","awsRegion":"us-east-1",
"sourceIPAddress":"192.0.2.7","requestID":"REQ1","eventID":"e1","readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"123456789012",
"resources":[{"ARN":"arn:aws:s3:::b"}]}`

func trailEvents(t *testing.T, text string) ([]Event, error) {
	t.Helper()
	var all []Event
	err := ReadCloudTrail(strings.NewReader(text), notion, func(e Event) error { all = append(all, e); return nil })
	return all, err
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

// The three forms in which records come are the same records.
func TestCloudTrailsFormsAreRead(t *testing.T) {
	flat := strings.ReplaceAll(record, "\n", "")
	for name, text := range map[string]string{
		"as delivered": `{"Records":[` + record + `,` + record + `]}`,
		"gzipped":      zipped(`{"Records":[` + record + `,` + record + `]}`),
		"two members":  zipped(`{"Records":[`+record) + zipped(`,`+record+`]}`), // gzip joins them
		"lookup":       `{"Events":[{"EventId":"e1","CloudTrailEvent":` + quoted(flat) + `},{"CloudTrailEvent":` + quoted(flat) + `}],"NextToken":"x"}`,
		"lines":        flat + "\n" + flat + "\n",
	} {
		events, err := trailEvents(t, text)
		if err != nil || len(events) != 2 {
			t.Errorf("%s: %d events, %v", name, len(events), err)
			continue
		}
		e := events[0]
		if e.RequestID != "REQ1" || e.ID != "e1" || e.Name != "s3:CreateBucket" || e.Actor != "arn:aws:iam::123456789012:user/mallory" ||
			e.Target != "arn:aws:s3:::b" || e.From != "192.0.2.7" || e.Own != "" || e.Result != Applied || !e.mutates() {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if events, err := trailEvents(t, ""); err != nil || len(events) != 0 {
		t.Errorf("nothing: %v %v", events, err)
	}
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// Half a log, or another file, is an error: what is left out may be what was
// looked for.
func TestHalfALogIsAnError(t *testing.T) {
	whole := zipped(`{"Records":[` + record + `]}`)
	for name, text := range map[string]string{
		"cut":        `{"Records":[` + record,
		"cut gzip":   whole[:len(whole)-9],
		"appended":   whole + "trailing",
		"other":      `{"hello":"world"}`,
		"list":       `[1]`,
		"no list":    `{"Records":7}`,
		"record":     `{"Records":[{"eventID":"e"}]}`,
		"not a text": `{"Records":[7]}`,
	} {
		if events, err := trailEvents(t, text); err == nil {
			t.Errorf("%s: read as %v", name, events)
		}
	}
}

// Insights say what is unusual about calls that have records of their own.
func TestInsightsAreNoCalls(t *testing.T) {
	insight := `{"eventVersion":"1.07","eventTime":"2026-11-24T12:00:00Z","awsRegion":"us-east-1","eventID":"i1","eventType":"AwsCloudTrailInsight","recipientAccountId":"123456789012","sharedEventID":"s1","insightDetails":{"state":"Start","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","insightType":"ApiCallRateInsight"},"eventCategory":"Insight"}`
	if events, err := trailEvents(t, `{"Records":[`+insight+`,`+record+`]}`); err != nil || len(events) != 1 || events[0].ID != "e1" {
		t.Errorf("%+v %v", events, err)
	}
}

// endless is a file that goes on and on.
type endless struct{ head, body string }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	if e.head = e.head[n:]; n > 0 {
		return n, nil
	}
	for n < len(p) {
		n += copy(p[n:], e.body)
	}
	return n, nil
}

// A record of any length takes no more memory than one may have.
func TestARecordHasABound(t *testing.T) {
	for _, head := range []string{`{"Records":[{"eventID":"`, `{"eventID":"`} {
		err := ReadCloudTrail(io.LimitReader(&endless{head, "        xxxxxxxx"}, 8*maxRecord), notion, func(Event) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: %v", head, err)
		}
	}
}

func TestAWSsOwnDoingIsToldByRule(t *testing.T) {
	for change, own := range map[string]bool{
		`"type":"IAMUser"→"type":"AWSService"`:                                             true,
		`"type":"IAMUser"→"type":"AssumedRole","invokedBy":"cloudformation.amazonaws.com"`: true,
		`"type":"IAMUser"→"type":"AssumedRole","invokedBy":"evil.example"`:                 false,
		`"AwsApiCall"→"AwsServiceEvent"`:                                                   true,
		`"AwsApiCall"→"AwsConsoleSignIn"`:                                                  true,
		`"AwsApiCall"→"AwsConsoleAction"`:                                                  false,
		`"type":"IAMUser"→"type":"AssumedRole","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::1:role/aws-service-role/x/y"}}`: true,
		`"type":"IAMUser"→"type":"AssumedRole","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::1:role/deploy"}}`:               false,
	} {
		from, to, _ := strings.Cut(change, "→")
		events, err := trailEvents(t, strings.Replace(record, from, to, 1))
		if err != nil || len(events) != 1 || (events[0].Own != "") != own {
			t.Errorf("%s: %+v %v", change, events, err)
		}
	}
}

const auditLine = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"ID","stage":"STAGE","requestURI":"/api/v1/namespaces/shop/configmaps","verb":"create","user":{"username":"alice","groups":["system:authenticated"]},"sourceIPs":["192.0.2.7"],"objectRef":{"resource":"configmaps","namespace":"shop","name":"c"},"responseStatus":{"code":201},"requestReceivedTimestamp":"2026-11-24T12:00:00.000000Z"}` + "\n"

func auditEvents(text string) ([]Event, error) {
	var all []Event
	err := ReadKubeAudit(strings.NewReader(text), notion, func(e Event) error { all = append(all, e); return nil })
	return all, err
}

func line(id, stage string, more ...string) string {
	return strings.NewReplacer(append([]string{`"ID"`, `"` + id + `"`, "STAGE", stage}, more...)...).Replace(auditLine)
}

func TestTheAuditLogIsRead(t *testing.T) {
	events, err := auditEvents(line("u1", "RequestReceived") + line("u1", "ResponseStarted") + line("dec_1", "ResponseComplete") +
		line("u1", "ResponseComplete", "201", "403") + line("u2", "ResponseStarted", "201", "101") + line("u3", "Panic") + "\n" + line("u4", "ResponseComplete")[:200])
	if err != nil || len(events) != 4 {
		t.Fatalf("%+v %v", events, err)
	}
	for i, want := range []struct {
		id, decision string
		result       Result
	}{{"dec_1", "dec_1", Applied}, {"u1", "", Refused}, {"u3", "", Unclear}, {"u2", "", Applied}} {
		if e := events[i]; e.ID != want.id || e.Decision != want.decision || e.Result != want.result || e.Target != "shop/configmaps/c" || e.Name != "create configmaps" {
			t.Errorf("%d: %+v", i, e)
		}
	}
	// a finished file may lack its last newline
	if events, err := auditEvents(strings.TrimSuffix(line("u1", "ResponseComplete"), "\n")); err != nil || len(events) != 1 {
		t.Errorf("%v %v", events, err)
	}
	for name, text := range map[string]string{"no time": line("u", "ResponseComplete", "requestReceivedTimestamp", "time"), "other": "{}\n", "text": "hello\n", "no id": line("", "ResponseComplete")} {
		if _, err := auditEvents(text); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// At level Metadata the log has no body; that of a delete overrides what its query says.
func TestADeleteWithoutItsBodyIsNoDryRun(t *testing.T) {
	uri := []string{`"/api/v1/namespaces/shop/configmaps"`, `"/api/v1/namespaces/shop/configmaps/c?dryRun=All"`}
	tried := notion
	tried.Kube = func(verb, uri string, _ []byte) (string, model.Verb, bool) {
		return verb + " configmaps", model.Delete, strings.Contains(uri, "dryRun=All")
	}
	for level, dry := range map[string]bool{"Metadata": false, "Request": true, "RequestResponse": true} {
		text := line("u", "ResponseComplete", append(uri, `"verb":"create"`, `"verb":"delete"`, `"Metadata"`, `"`+level+`"`)...)
		err := ReadKubeAudit(strings.NewReader(text), tried, func(e Event) error {
			if e.Dry != dry {
				t.Errorf("%s: dry %v", level, e.Dry)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestTheControlPlanesOwnDoingIsToldByRule(t *testing.T) {
	for who, own := range map[string]bool{
		`"username":"system:apiserver"`: true, `"username":"system:kube-scheduler"`: true, `"username":"system:serviceaccount:kube-system:job-controller"`: true,
		`"username":"system:serviceaccount:shop:robot"`: false, `"username":"system:node:n1"`: false, `"username":"admin"`: false,
	} {
		events, err := auditEvents(line("u", "ResponseComplete", `"username":"alice"`, who))
		if err != nil || len(events) != 1 || (events[0].Own != "") != own {
			t.Errorf("%s: %+v %v", who, events, err)
		}
	}
	if events, _ := auditEvents(line("u", "ResponseComplete", `"username":"alice","groups":["system:authenticated"]`, `"username":"system:node:n1","groups":["system:nodes"]`)); events[0].Own == "" {
		t.Error("a kubelet is not known")
	}
	// in somebody's name it is that somebody's
	if events, _ := auditEvents(line("u", "ResponseComplete", `"objectRef"`, `"impersonatedUser":{"username":"bob"},"objectRef"`, `"username":"alice"`, `"username":"system:apiserver"`)); events[0].Own != "" || events[0].Actor != "system:apiserver as bob" {
		t.Errorf("%+v", events)
	}
}

func FuzzReadCloudTrail(f *testing.F) {
	f.Add([]byte(record))
	f.Add([]byte(`{"Records":[` + record + `]}`))
	f.Add([]byte(zipped(record)))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = ReadCloudTrail(bytes.NewReader(data), notion, func(e Event) error {
			if e.ID == "" || e.At.IsZero() || e.Source != CloudTrail {
				t.Errorf("half an event: %+v", e)
			}
			return nil
		})
	})
}

func FuzzReadKubeAudit(f *testing.F) {
	f.Add([]byte(line("dec_1", "ResponseComplete") + line("u", "ResponseStarted")))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = ReadKubeAudit(bytes.NewReader(data), notion, func(e Event) error {
			if e.ID == "" || e.Source != KubeAudit {
				t.Errorf("half an event: %+v", e)
			}
			return nil
		})
	})
}
