package collect

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

const (
	// queueBatch is how many messages SQS hands out at a time, at most.
	queueBatch = 10
	// queueWait is the longest that SQS lets a question wait for a message, in seconds.
	queueWait = 20
	// queueHold is how long a message is nobody else's while it is handled, in seconds:
	// ten readings of one resource each, and room to spare.
	queueHold = 300
	// maxMessage bounds a message: what SQS takes.
	maxMessage = 1 << 20
)

// Queue is an SQS queue of events. Receiving hides a message for a while; it comes
// again unless it is deleted, which is done once it was handled.
type Queue struct {
	c                          *Collector
	region, account, name, arn string
}

// Message is one message of a queue.
type Message struct {
	ID, Body string
	Times    int // it was handed out so often
	receipt  string
}

// queueOf reads the ARN of a queue.
func queueOf(arn string) (*Queue, error) {
	p := strings.Split(arn, ":")
	if len(p) != 6 || p[0] != "arn" || p[2] != "sqs" || p[3] == "" || len(p[4]) != 12 || p[5] == "" || strings.ContainsAny(arn, "*/? ") {
		return nil, fmt.Errorf("collecting from AWS: %q is no queue; expected arn:aws:sqs:REGION:ACCOUNT:NAME", arn)
	}
	return &Queue{region: p[3], account: p[4], name: p[5], arn: arn}, nil
}

// Queue returns the queue of the account's events; nil: there is none.
func (c *Collector) Queue() *Queue {
	q, err := queueOf(c.cfg.Events)
	if err != nil {
		return nil // New has looked at it: it is empty
	}
	q.c = c
	return q
}

// ARN names it.
func (q *Queue) ARN() string { return q.arn }

// Receive waits for messages, at most as long as SQS lets it, and returns them; none
// is no error.
func (q *Queue) Receive(ctx context.Context) ([]Message, error) {
	got, err := q.call(ctx, "ReceiveMessage", map[string]any{"MaxNumberOfMessages": queueBatch, "WaitTimeSeconds": queueWait, "VisibilityTimeout": queueHold,
		"AttributeNames": []any{"ApproximateReceiveCount"}})
	if err != nil {
		return nil, err
	}
	list, _ := got["Messages"].([]any)
	var all []Message
	for _, item := range list {
		m, _ := item.(map[string]any)
		one := Message{}
		one.ID, _ = m["MessageId"].(string)
		one.Body, _ = m["Body"].(string)
		one.receipt, _ = m["ReceiptHandle"].(string)
		attributes, _ := m["Attributes"].(map[string]any)
		if times, ok := attributes["ApproximateReceiveCount"].(string); ok {
			one.Times, _ = strconv.Atoi(times) // what is no number is the first time
		}
		if one.receipt == "" {
			return nil, errors.New("SQS hands out a message without a receipt")
		}
		if len(one.Body) > maxMessage {
			one.Body = ""
		}
		all = append(all, one)
	}
	return all, nil
}

// Delete takes messages off the queue.
func (q *Queue) Delete(ctx context.Context, all []Message) error {
	if len(all) == 0 {
		return nil
	}
	entries := make([]any, len(all))
	for i, m := range all {
		entries[i] = map[string]any{"Id": strconv.Itoa(i), "ReceiptHandle": m.receipt}
	}
	got, err := q.call(ctx, "DeleteMessageBatch", map[string]any{"Entries": entries})
	if err != nil {
		return err
	}
	if bad, _ := got["Failed"].([]any); len(bad) > 0 {
		return fmt.Errorf("%d of %d messages were not taken off %s", len(bad), len(all), q.arn)
	}
	return nil
}

func (q *Queue) call(ctx context.Context, name string, params map[string]any) (map[string]any, error) {
	op, err := operation(q.c.cfg.Decoder.Table(), "sqs:"+name)
	if err != nil {
		return nil, err
	}
	who, err := q.c.open(ctx)
	if err != nil {
		return nil, err
	}
	params["QueueUrl"] = "https://" + q.host(op, who) + "/" + q.account + "/" + q.name
	got, err := q.c.call(ctx, who, op, q.region, false, params, q.only)
	if err != nil {
		return nil, err
	}
	return got.answer, nil
}

func (q *Queue) host(op *table.Operation, who *account) string {
	host, _ := endpoint(op.Service, who.partition, q.region, false)
	return host
}

// only wants a call to be one of the two, and about this queue, by the decoder that
// judges everybody's calls.
func (q *Queue) only(ctx context.Context, call decoders.Call) error {
	a, err := q.c.cfg.Decoder.Decode(ctx, call)
	if err != nil {
		return err
	}
	if a.Service != "sqs" || a.Operation != "ReceiveMessage" && a.Operation != "DeleteMessageBatch" || len(a.Targets) == 0 {
		return fmt.Errorf("%s is not what a queue of events is asked", a.Name())
	}
	for _, t := range a.Targets {
		if !strings.HasSuffix(string(t.URN), ":"+q.name) {
			return fmt.Errorf("%s is about %s, and not about %s", a.Name(), t.URN, q.arn)
		}
	}
	return nil
}
