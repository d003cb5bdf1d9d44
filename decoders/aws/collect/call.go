package collect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// asked is a call that was sent, and its answer.
type asked struct {
	call   decoders.Call
	resp   *decoders.Response
	answer map[string]any
}

// written are the protocols that calls are sent in.
var written = []string{wire.JSON, wire.RestJSON, wire.RestXML, wire.EC2, wire.Query}

// ask sends one call that only reads, as often as it has to be, and reads the answer.
// Every error is a *gap; a *refused is in it where the service said something.
func (c *Collector) ask(ctx context.Context, who *account, op *table.Operation, region string, global bool, params map[string]any) (*asked, error) {
	return c.call(ctx, who, op, region, global, params, c.onlyReads)
}

// call is ask for a call that may is content with.
func (c *Collector) call(ctx context.Context, who *account, op *table.Operation, region string, global bool, params map[string]any, may func(context.Context, decoders.Call) error) (*asked, error) {
	fail := func(k kind, err error) error {
		return &gap{kind: k, call: op.Service.Name + ":" + op.Name, region: region, err: err}
	}
	i := slices.IndexFunc(op.Service.Protocols, func(p string) bool { return slices.Contains(written, p) })
	if i < 0 {
		return nil, fail(failed, wire.ErrNotWritten)
	}
	protocol := op.Service.Protocols[i]
	host, region := endpoint(op.Service, who.partition, region, global)
	call, err := wire.EncodeInput(op, protocol, host, params)
	if err != nil {
		return nil, fail(failed, err)
	}
	if err := may(ctx, call); err != nil {
		return nil, fail(failed, err)
	}
	limit := c.bucket(region + " " + op.Service.Name)
	for attempt := 1; ; attempt++ {
		if err := c.cfg.Sleep(ctx, limit.take(c.cfg.Now())); err != nil {
			return nil, fail(ended, err)
		}
		resp, err := c.send(ctx, who, op.Service, region, &call)
		why, after := unreachable, time.Duration(0)
		if err == nil {
			limit.answered(false)
			answer, err := wire.DecodeOutput(op, protocol, resp)
			if err != nil { // cut off on the way, or not this call's answer
				return nil, fail(malformed, err)
			}
			return &asked{call, resp, answer}, nil
		}
		var no *refused
		if errors.As(err, &no) {
			why = no.kind()
			if resp != nil {
				after = retryAfter(resp.Header, c.cfg.Now())
			}
			limit.answered(why == throttled)
		}
		if ctx.Err() != nil {
			return nil, fail(ended, ctx.Err())
		}
		again := c.retry.IsErrorRetryable(err) || why == throttled || why == unreachable && transient(err)
		if !again || attempt >= maxAttempts || after > maxWait {
			return nil, fail(why, err)
		}
		wait, err := c.retry.RetryDelay(attempt, err)
		if err != nil {
			wait = maxWait
		}
		c.retries.Add(1)
		if err := c.cfg.Sleep(ctx, min(max(wait, after), maxWait)); err != nil {
			return nil, fail(ended, err)
		}
	}
}

// onlyReads wants a call to be a plain read, by the same decoder that judges
// everybody's calls.
func (c *Collector) onlyReads(ctx context.Context, call decoders.Call) error {
	a, err := c.cfg.Decoder.Decode(ctx, call)
	if err != nil {
		return err
	}
	if a.Mutates() || a.Verb == model.Reveal || a.Verb == model.Unknown {
		return fmt.Errorf("%s is to %s, and collecting only reads", a.Name(), a.Verb)
	}
	return nil
}

// send signs and sends a call once. An answer that is not a success is a *refused.
func (c *Collector) send(ctx context.Context, who *account, service *table.Service, region string, call *decoders.Call) (*decoders.Response, error) {
	req, err := http.NewRequestWithContext(ctx, call.Method, call.URL.String(), bytes.NewReader(call.Body))
	if err != nil {
		return nil, err
	}
	u := *call.URL
	req.URL = &u
	for name, values := range call.Header {
		if name != "Authorization" && name != "X-Amz-Date" && name != "X-Amz-Security-Token" {
			req.Header[name] = slices.Clone(values)
		}
	}
	sum := sha256.Sum256(call.Body)
	hash := hex.EncodeToString(sum[:])
	if service.Name == "s3" {
		req.Header.Set("X-Amz-Content-Sha256", hash)
	}
	credentials, err := who.credentials.Retrieve(ctx)
	if err != nil {
		return nil, &refused{status: http.StatusUnauthorized, code: "AccessDenied", message: "no credentials: " + oneLine(err.Error())}
	}
	if err := c.signer.SignHTTP(ctx, credentials, req, hash, service.SigningName, region, c.cfg.Now(), signing(service)); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	call.Header = req.Header.Clone() // as sent: who asked is read from it
	c.calls.Add(1)
	resp, err := c.cfg.Send.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	out := &decoders.Response{Status: resp.StatusCode, Header: resp.Header, Body: body, Truncated: len(body) > maxBody}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return out, readRefusal(out)
	}
	return out, nil
}

// transient reports an error of the network that may pass.
func transient(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return false // no such endpoint: the service is not in this region
	}
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// readRefusal reads the code and message of an error answer, whichever protocol
// wrote it.
func readRefusal(r *decoders.Response) error {
	out := &refused{status: r.Status}
	if code := r.Header.Get("X-Amzn-Errortype"); code != "" {
		out.code = code
	}
	var in struct {
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Message string `json:"message"`
		Large   string `json:"Message"`
	}
	body := bytes.TrimSpace(r.Body)
	switch {
	case len(body) > 0 && body[0] == '{':
		if json.Unmarshal(body, &in) == nil {
			for _, s := range []string{in.Type, in.Code} {
				if out.code == "" {
					out.code = s
				}
			}
			out.message = in.Message + in.Large
		}
	case len(body) > 0 && body[0] == '<':
		out.code, out.message = xmlRefusal(body, out.code)
	}
	out.code, _, _ = strings.Cut(out.code, ":")
	out.code = oneLine(out.code[strings.LastIndex(out.code, "#")+1:])
	out.message = oneLine(out.message)
	return out
}

// xmlRefusal finds the first <Code> and <Message>.
func xmlRefusal(body []byte, code string) (string, string) {
	d := xml.NewDecoder(bytes.NewReader(body))
	at, message := "", ""
	for {
		t, err := d.Token()
		if err != nil {
			return code, message
		}
		switch t := t.(type) {
		case xml.StartElement:
			at = t.Name.Local
		case xml.EndElement:
			at = ""
		case xml.CharData:
			switch {
			case at == "Code" && code == "":
				code = string(t)
			case at == "Message" && message == "":
				message = string(t)
			}
		}
	}
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < 1<<20 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// oneLine keeps what a service says fit for one line of a terminal and a log.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return strings.TrimSpace(s)
}
