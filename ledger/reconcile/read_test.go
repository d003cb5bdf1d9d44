package reconcile

import (
	"bytes"
	"compress/gzip"
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
	for name, text := range map[string]string{"other": "{}\n", "text": "hello\n", "no id": line("", "ResponseComplete")} {
		if _, err := auditEvents(text); err == nil {
			t.Errorf("%s is read", name)
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
