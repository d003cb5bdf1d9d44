package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// message is a call made ready for reading: a copy, so that what is forwarded
// stays as it was sent.
type message struct {
	query    string
	header   http.Header
	body     []byte
	streamed bool
}

func newMessage(op *table.Operation, c decoders.Call) (message, error) {
	m := message{header: maps.Clone(c.Header), body: c.Body, streamed: c.Streamed}
	if m.header == nil {
		m.header = http.Header{}
	}
	if c.URL != nil {
		m.query = c.URL.RawQuery
	}
	if op.Method == http.MethodGet && c.Method == http.MethodPost && mediaType(m.header) == "application/x-www-form-urlencoded" && !m.streamed {
		// A query string that outgrew the URL: cloudsearchdomain's Search.
		if m.query != "" && len(m.body) > 0 {
			return m, errTwoPlaces
		}
		m.query, m.body = string(m.body), nil
	}
	if !m.streamed && isChunked(m.header) {
		// S3 takes the chunks apart; any other service would read the frames as its
		// parameters, and see another call than we do.
		if op.Service != nil && !strings.HasPrefix(op.Service.Name, "s3") && !encodesObject(op.Input) {
			return m, errors.New("an aws-chunked body for a service that does not take one")
		}
		if err := m.unchunk(); err != nil {
			return m, err
		}
	}
	left := codings(m.header)
	left = deleteCoding(left, "aws-chunked")
	if encodesObject(op.Input) {
		m.setCodings(left) // what is left is the object's own
		return m, nil
	}
	if m.streamed {
		return m, nil
	}
	for i := len(left) - 1; i >= 0; i-- {
		switch left[i] {
		case "identity":
		case "gzip":
			body, err := inflate(m.body)
			if err != nil {
				return m, fmt.Errorf("gzip body: %w", err)
			}
			m.body = body
		default:
			return m, fmt.Errorf("content encoding %.40q is not one we can read", left[i])
		}
	}
	return m, nil
}

// encodesObject reports whether Content-Encoding speaks of an object that the
// operation stores, not of the request.
func encodesObject(s *table.Shape) bool {
	if s == nil {
		return false
	}
	payload, _ := payloadOf(s)
	return payload != nil && rawPayload(payload) || inModel(s, "Content-Encoding")
}

// setCodings leaves only the codings that are the object's own.
func (m *message) setCodings(left []string) {
	if len(left) == 0 {
		delete(m.header, "Content-Encoding")
	} else if len(left) < len(codings(m.header)) {
		m.header["Content-Encoding"] = []string{strings.Join(left, ",")}
	}
}

func codings(h http.Header) []string {
	var all []string
	for _, value := range h["Content-Encoding"] {
		for coding := range strings.SplitSeq(value, ",") {
			if coding = strings.TrimSpace(coding); coding != "" {
				all = append(all, coding)
			}
		}
	}
	return all
}

func deleteCoding(all []string, name string) []string {
	var left []string
	for _, coding := range all {
		if !strings.EqualFold(coding, name) {
			left = append(left, coding)
		}
	}
	return left
}

// inflate reads a gzip body within its bounds.
func inflate(body []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	limit := min(MaxInflated, max(MinInflated, len(body)*MaxRatio))
	var out bytes.Buffer // doubles: io.ReadAll would copy five times as much
	if _, err := out.ReadFrom(io.LimitReader(z, int64(limit)+1)); err != nil {
		return nil, err
	}
	if out.Len() > limit {
		return nil, fmt.Errorf("inflates to more than %d bytes", limit)
	}
	return out.Bytes(), nil
}
