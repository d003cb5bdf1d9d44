package exam

import (
	"encoding/json"
	"net/url"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/identify"
	"github.com/assent-iom/assent/decoders/aws/wire"
)

// largest is the size of body that the figures are for.
const largest = 10 << 10

// BenchmarkIdentifyAndDecode reads the exam's requests with every parameter, the
// mix of all protocols, and reports the median and the 99th percentile of a call
// in microseconds; and, beside it, of what encoding/json takes to read the JSON
// bodies among them into a map, which understands nothing of them.
func BenchmarkIdentifyAndDecode(b *testing.B) {
	if exec.Command("python3", "-c", "import botocore").Run() != nil {
		b.Skip("NOT RUN: needs python3 with botocore")
	}
	id := newIdentifier(b)
	var calls []decoders.Call
	Each(b, "full", "", func(r Row) {
		if r.Method == "" || len(r.Body) > largest {
			return
		}
		if c := r.Call(b); known(id, c) { // the first use of a service loads it
			calls = append(calls, c)
		}
	})
	var bodies [][]byte
	for _, c := range calls {
		if json.Valid(c.Body) {
			bodies = append(bodies, c.Body)
		}
	}
	b.Logf("%d calls, %d with a JSON body", len(calls), len(bodies))
	b.Run("assent", func(b *testing.B) {
		percentiles(b, len(calls), func(i int) error {
			return decode(id, calls[i])
		})
	})
	b.Run("assent/json", func(b *testing.B) {
		var some []decoders.Call
		for _, c := range calls {
			if json.Valid(c.Body) {
				some = append(some, c)
			}
		}
		percentiles(b, len(some), func(i int) error {
			return decode(id, some[i])
		})
	})
	b.Run("encoding-json", func(b *testing.B) {
		percentiles(b, len(bodies), func(i int) error {
			var v any
			return json.Unmarshal(bodies[i], &v)
		})
	})
}

func known(id *identify.Identifier, c decoders.Call) bool {
	got, err := id.Identify(c)
	return err == nil && got.Operation != nil
}

func decode(id *identify.Identifier, c decoders.Call) error {
	u, err := url.ParseRequestURI(c.URL.RequestURI()) // what the proxy has to do anyhow, so that no call is warm
	if err != nil {
		return err
	}
	u.Scheme, u.Host = c.URL.Scheme, c.URL.Host
	c.URL = u
	got, err := id.Identify(c)
	if err != nil || got.Operation == nil {
		return err
	}
	_, err = wire.DecodeInput(got.Operation, got.Protocol, c, wire.Options{Labels: got.Labels})
	return err
}

// percentiles times do over n inputs in turn.
func percentiles(b *testing.B, n int, do func(int) error) {
	var took []time.Duration
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		if err := do(i % n); err != nil && i < n {
			b.Log(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}
