package reconcile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxRecord bounds one record: CloudTrail's have at most 1 MB, an audit event with
// two whole objects a few.
const maxRecord = 32 << 20

// trailRecord is as much of a CloudTrail record as is read
// (docs.aws.amazon.com: cloudtrail-event-reference-record-contents).
type trailRecord struct {
	EventID     string    `json:"eventID"`
	RequestID   string    `json:"requestID"`
	EventTime   time.Time `json:"eventTime"`
	EventType   string    `json:"eventType"`
	EventSource string    `json:"eventSource"`
	EventName   string    `json:"eventName"`
	ReadOnly    any       `json:"readOnly"` // a boolean, or its text
	ErrorCode   string    `json:"errorCode"`
	Region      string    `json:"awsRegion"`
	Account     string    `json:"recipientAccountId"`
	From        string    `json:"sourceIPAddress"`
	Identity    struct {
		Type      string `json:"type"`
		ARN       string `json:"arn"`
		Principal string `json:"principalId"`
		InvokedBy string `json:"invokedBy"`
		Session   struct {
			Issuer struct {
				ARN string `json:"arn"`
			} `json:"sessionIssuer"`
		} `json:"sessionContext"`
	} `json:"userIdentity"`
	Resources []struct {
		ARN string `json:"ARN"`
	} `json:"resources"`
	Request  any `json:"requestParameters"`
	Response any `json:"responseElements"`
}

// own names the rule by which a record is AWS's own doing, or nothing. What such
// a call follows from is a call of its own, and is judged.
func (r trailRecord) own() string {
	switch {
	case r.EventType == "AwsConsoleSignIn":
		return "a sign-in to the console"
	case r.EventType != "" && r.EventType != "AwsApiCall" && r.EventType != "AwsConsoleAction":
		return "an event of a service (" + r.EventType + ")"
	case r.Identity.Type == "AWSService":
		return "a service on its own behalf"
	case strings.Contains(r.Identity.Session.Issuer.ARN, ":role/aws-service-role/"):
		return "a service-linked role" // nobody but its service can assume one
	case r.Identity.InvokedBy == "AWS Internal" || strings.HasSuffix(r.Identity.InvokedBy, ".amazonaws.com"):
		return "a service in its caller's name" // CloudFormation after a CreateStack
	}
	return ""
}

func (r trailRecord) event(n Notion) Event {
	service, operation, verb := n.AWS(r.EventSource, r.EventName)
	e := Event{
		Source: CloudTrail, ID: r.EventID, Once: r.EventID, RequestID: r.RequestID, At: r.EventTime,
		Actor: r.Identity.ARN, Name: service + ":" + operation, Account: r.Account, Region: r.Region, From: r.From,
		Verb: verb, ReadOnly: r.ReadOnly == true || r.ReadOnly == "true", Own: r.own(), Result: Applied,
	}
	e.Service, _, _ = strings.Cut(r.EventSource, ".")
	if e.Actor == "" {
		e.Actor = strings.TrimSpace(r.Identity.Type + " " + r.Identity.Principal)
	}
	if len(r.Resources) > 0 {
		e.Target = r.Resources[0].ARN
	}
	for _, res := range r.Resources {
		e.Names = append(e.Names, res.ARN)
	}
	e.Names = texts(texts(e.Names, r.Request), r.Response)
	if r.ErrorCode != "" {
		e.Result = Refused
		if strings.Contains(r.ErrorCode, "InternalFailure") || strings.Contains(r.ErrorCode, "InternalError") || strings.Contains(r.ErrorCode, "ServiceUnavailable") {
			e.Result = Unclear
		}
	}
	return e
}

// What an event may speak of: more names, or longer ones, name nothing.
const (
	maxNames = 256
	maxName  = 2048
)

// texts adds the texts of a tree to some names.
func texts(names []string, v any) []string {
	switch v := v.(type) {
	case string:
		if len(v) <= maxName && len(names) < maxNames {
			names = append(names, v)
		}
	case []any:
		for _, item := range v {
			names = texts(names, item)
		}
	case map[string]any:
		for _, item := range v {
			names = texts(names, item)
		}
	}
	return names
}

// ReadCloudTrail reads a log file as CloudTrail delivers it ({"Records": […]}),
// what `aws cloudtrail lookup-events` prints ({"Events": […]}), or records as JSON
// lines; each plain or gzipped. Anything else is an error: half a file is none.
func ReadCloudTrail(r io.Reader, n Notion, each func(Event) error) error {
	r, err := unzipped(r)
	if err != nil {
		return err
	}
	in := &bounded{from: r}
	in.next()
	one := func(raw []byte) error {
		var rec trailRecord
		if err := json.Unmarshal(raw, &rec); err != nil {
			return fmt.Errorf("reading a record: %w", err)
		}
		in.next()
		if rec.EventType == "AwsCloudTrailInsight" {
			return nil // it counts calls that have records of their own
		}
		if rec.EventID == "" || rec.EventName == "" || rec.EventSource == "" || rec.EventTime.IsZero() {
			return errors.New("reading a record: it is none of CloudTrail's: it has no eventID, eventName, eventSource or eventTime")
		}
		return each(rec.event(n))
	}
	dec := json.NewDecoder(in)
	for {
		token, err := dec.Token()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("reading JSON: %w", err)
		case token != json.Delim('{'):
			return errors.New("it is not CloudTrail's: no JSON object")
		}
		if err := trailObject(dec, one); err != nil {
			return err
		}
	}
}

// trailObject reads the rest of an object: one of the two lists, or a record.
func trailObject(dec *json.Decoder, one func([]byte) error) error {
	fields := map[string]json.RawMessage{}
	list := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return fmt.Errorf("reading JSON: %w", err)
		}
		switch key {
		case "Records", "Events":
			list = true
			if err := trailList(dec, key == "Events", one); err != nil {
				return err
			}
		default:
			var value json.RawMessage
			if err := dec.Decode(&value); err != nil {
				return fmt.Errorf("reading JSON: %w", err)
			}
			fields[fmt.Sprint(key)] = value
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return fmt.Errorf("reading JSON: %w", err)
	}
	if list {
		return nil
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return one(raw)
}

func trailList(dec *json.Decoder, wrapped bool, one func([]byte) error) error {
	if token, err := dec.Token(); err != nil || token != json.Delim('[') {
		return fmt.Errorf("reading JSON: the records are no list (%w)", errors.Join(err))
	}
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return fmt.Errorf("reading JSON: %w", err)
		}
		if wrapped {
			var outer struct{ CloudTrailEvent string }
			if err := json.Unmarshal(raw, &outer); err != nil {
				return fmt.Errorf("reading a record: %w", err)
			}
			raw = []byte(outer.CloudTrailEvent)
		}
		if err := one(raw); err != nil {
			return err
		}
	}
	_, err := dec.Token() // the closing bracket
	return err
}

// bounded is what a file is read through: a few bytes that unpack to a record without an
// end are not read to it.
type bounded struct {
	from io.Reader
	left int
}

// next begins another record.
func (b *bounded) next() { b.left = maxRecord }

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, fmt.Errorf("a record has more than %d bytes", maxRecord)
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// unzipped looks whether a file is gzipped.
func unzipped(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	return z, nil
}
