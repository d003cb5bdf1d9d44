package store

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// BenchmarkStart is what a fresh process does before it can judge: the file of so many
// resources read and the graph made of it (start-s), and what that costs on all
// processors together (cpu-s); beside it, reading and decoding alone, by one goroutine
// (serial-s).
func BenchmarkStart(b *testing.B) {
	for _, resources := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(resources), func(b *testing.B) { benchmarkStart(b, resources) })
	}
}

func benchmarkStart(b *testing.B, resources int) {
	s, err := Open(filepath.Join(b.TempDir(), "model.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	pad := strings.Repeat("x", 350)
	for from := 0; from < resources; from += 50_000 {
		var all []model.Observation
		for i := from; i < from+50_000; i++ {
			all = append(all, model.Observation{Whole: true, Resource: model.Resource{
				URN:      model.URN(fmt.Sprintf("arn:aws:ec2:eu-west-1:111122223333:instance/i-%08x", i)),
				Platform: "aws", Type: "ec2:instance", Account: "111122223333", Region: "eu-west-1",
				Tags: map[string]string{"team": "shop", "env": "prod"}, SeenAt: time.Unix(1_700_000_000, 0), Source: "aws ec2:DescribeInstances",
				Attrs: json.RawMessage(fmt.Sprintf(`{"Groups":[{"GroupId":"i-%08x"}],"Pad":"%s","SubnetId":"i-%08x"}`, i/40, pad, i/100))}})
		}
		if err := s.Save(context.Background(), all); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		runtime.GC()
		cpu, start := cpuTime(b), time.Now()
		g := graph.New(graph.Config{})
		err := g.LoadFrom(func(see func(*model.Resource)) ([]model.Relation, error) { return s.Each(context.Background(), see) })
		if err != nil || g.Size() != resources {
			b.Fatal(g.Size(), err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "start-s")
		b.ReportMetric((cpuTime(b) - cpu).Seconds(), "cpu-s")
		runtime.KeepAlive(g)
		g = nil
		b.StopTimer()
		b.ReportMetric(serial(b, s).Seconds(), "serial-s")
		b.StartTimer()
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFirstSave is the first batch of a collector: 20,000 resources in one
// transaction.
func BenchmarkFirstSave(b *testing.B) {
	var all []model.Observation
	for i := range 20_000 {
		id := fmt.Sprintf("i-%08x", i)
		all = append(all, model.Observation{Whole: true, Resource: model.Resource{
			URN: model.URN("arn:aws:ec2:eu-west-1:111122223333:instance/" + id), Platform: "aws", Type: "ec2:instance", Aliases: []string{id},
			Attrs: json.RawMessage(fmt.Sprintf(`{"Pad":"%s","SubnetId":"subnet-%08x"}`, strings.Repeat("x", 350), i/100))}})
	}
	for b.Loop() {
		s, err := Open(filepath.Join(b.TempDir(), "model.db"))
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		if err := s.Save(context.Background(), all); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds()/20_000*1e6, "µs/resource")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// serial reads the file as one goroutine would.
func serial(b *testing.B, s *Store) time.Duration {
	tx, err := s.db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback()
	start := time.Now()
	err = eachChunk(context.Background(), tx, func(c *chunk) bool { c.decode(); return true })
	if err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
