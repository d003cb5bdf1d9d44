package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/store/postgres/pgtest"
)

// three starts three proxies on one database, of which each tells when it has applied
// an event that another has learnt. A hole ends the benchmark.
func three(b *testing.B, url string, followed func(proxy int, o model.Observation)) (all []*Replica) {
	b.Helper()
	for i := range 3 {
		s, err := Open(b.Context(), Config{URL: url, NewGraph: newGraph})
		if err != nil {
			b.Fatal(err)
		}
		last := int64(0)
		r, err := Start(b.Context(), ReplicaConfig{Store: s, Graph: newGraph(), Followed: func(seq int64, o model.Observation) {
			if seq != last+1 {
				b.Errorf("event %d follows %d", seq, last)
			}
			last = seq
			followed(i, o)
		}})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			r.Close()
			s.Close()
		})
		all = append(all, r)
	}
	return all
}

func learnt(proxy, n int) model.Observation {
	o := see(fmt.Sprintf("urn-%d", n%5000), fmt.Sprintf(`{"n":%d}`, n), true)
	o.Resource.Name, o.Resource.SeenAt = fmt.Sprint(proxy), time.Now()
	return o
}

// everybody waits until all proxies have all events.
func everybody(b *testing.B, all []*Replica, events int64) {
	b.Helper()
	for _, r := range all {
		for end := time.Now().Add(patience); r.Counts().Seq < events; time.Sleep(2 * time.Millisecond) {
			if time.Now().After(end) {
				b.Fatalf("at %d of %d", r.Counts().Seq, events)
			}
		}
	}
}

// BenchmarkLag: three proxies learn 5,000 events a second between them, and each
// follows the others. It prints how long after one has learnt something the others
// know it, beside what one event costs to commit alone.
func BenchmarkLag(b *testing.B) {
	const perSecond, lasts = 5000, 10 * time.Second
	pg := pgtest.Start(b)
	for b.Loop() {
		var mu sync.Mutex
		var lags []time.Duration
		all := three(b, pg.Database(b), func(proxy int, o model.Observation) {
			if o.Resource.Name != fmt.Sprint(proxy) {
				lag := time.Since(o.Resource.SeenAt)
				mu.Lock()
				defer mu.Unlock()
				lags = append(lags, lag)
			}
		})
		var commits []time.Duration
		for i := range 200 {
			began := time.Now()
			if err := all[0].cfg.Store.Save(context.Background(), []model.Observation{see("alone", fmt.Sprintf(`{"n":%d}`, i), true)}); err != nil {
				b.Fatal(err)
			}
			commits = append(commits, time.Since(began))
		}
		everybody(b, all, 200)
		mu.Lock()
		lags = nil
		mu.Unlock()
		began, n := time.Now(), 0
		for tick := time.NewTicker(time.Millisecond); time.Since(began) < lasts; <-tick.C {
			for due := int(time.Since(began).Seconds() * perSecond); n < due; n++ {
				all[n%3].Apply([]model.Observation{learnt(n%3, n)})
			}
		}
		rate := float64(n) / time.Since(began).Seconds()
		everybody(b, all, int64(200+n))
		slices.Sort(lags)
		slices.Sort(commits)
		at := func(all []time.Duration, percent int) float64 {
			return float64(all[len(all)*percent/100].Microseconds()) / 1e3
		}
		b.ReportMetric(rate, "events/s")
		b.ReportMetric(at(lags, 50), "lag-p50-ms")
		b.ReportMetric(at(lags, 99), "lag-p99-ms")
		b.ReportMetric(at(commits, 50), "commit-p50-ms")
		b.ReportMetric(at(commits, 99), "commit-p99-ms")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkFollow: three proxies learn 200,000 events as fast as the database takes
// them, and follow each other without a hole. Beside it is what one proxy alone learns.
func BenchmarkFollow(b *testing.B) {
	const events = 200_000
	pg := pgtest.Start(b)
	run := func(b *testing.B, writers int) float64 {
		all := three(b, pg.Database(b), func(int, model.Observation) {})[:writers]
		began := time.Now()
		var group sync.WaitGroup
		for i, r := range all {
			group.Go(func() {
				for n := i; n < events; n += writers {
					for r.Counts().Waiting > maxQueue/2 {
						time.Sleep(time.Millisecond)
					}
					r.Apply([]model.Observation{learnt(i, n)})
				}
			})
		}
		group.Wait()
		everybody(b, all, events)
		return events / time.Since(began).Seconds()
	}
	for b.Loop() {
		b.ReportMetric(run(b, 3), "events/s")
		b.ReportMetric(run(b, 1), "one-writer-events/s")
		b.ReportMetric(0, "ns/op")
	}
}
