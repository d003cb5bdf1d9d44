package table

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

func open(t testing.TB) *Table {
	t.Helper()
	tbl, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return tbl
}

// Every service and operation of the models is in the table, whole.
func TestTableHoldsAllOfAWS(t *testing.T) {
	tbl := open(t)
	if n := len(tbl.Services()); n < 424 {
		t.Errorf("%d services, want at least 424", n)
	}
	ops := 0
	for _, info := range tbl.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Operations) != info.OperationSize {
			t.Errorf("%s: %d operations, index says %d", s.Name, len(s.Operations), info.OperationSize)
		}
		for _, op := range s.Operations {
			if op.Service != s || op.Name == "" || op.Method == "" || op.URI == "" {
				t.Errorf("%s:%s is not whole", s.Name, op.Name)
			}
		}
		ops += len(s.Operations)
	}
	if ops < 18378 {
		t.Errorf("%d operations, want at least 18,378", ops)
	}
	if len(embedded) > 3<<20 {
		t.Errorf("table is %d bytes, want at most 3 MiB", len(embedded))
	}
}

// Writing what was read gives the same bytes: the format loses nothing.
func TestEncodeIsTheInverseOfParse(t *testing.T) {
	tbl := open(t)
	var infos []*Info
	for _, i := range tbl.Services() {
		s, err := i.Load()
		if err != nil {
			t.Fatal(err)
		}
		whole := &Info{Service: *s, SigningNames: i.SigningNames, HostLabels: i.HostLabels, BasePaths: i.BasePaths, Streams: i.Streams, HostPrefixed: i.HostPrefixed}
		infos = append(infos, whole)
	}
	types, err := tbl.CFNTypes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Encode(Contents{Partitions: tbl.Partitions, Infos: infos, CFN: types})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, embedded) {
		t.Errorf("%d bytes became %d", len(embedded), len(again))
	}
}

// AWS calls these Write, Permissions or Tagging; only a reviewed row may say read.
func TestNoChangeIsClassedAsARead(t *testing.T) {
	tbl := open(t)
	reviewed := overridden(t)
	for _, info := range tbl.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range s.Operations {
			changes := op.AWSAccess == AccessWrite || op.AWSAccess == AccessPermissions || op.AWSAccess == AccessTagging
			reads := op.Access == AccessList || op.Access == AccessRead || op.Access == AccessReveal
			if changes && reads && !reviewed[s.Name+":"+op.Name] {
				t.Errorf("%s:%s is a change to AWS and a read to us, and no override says why", s.Name, op.Name)
			}
		}
	}
}

func TestPartitionOf(t *testing.T) {
	tbl := open(t)
	for host, want := range map[string]string{
		"ec2.us-east-1.amazonaws.com": "aws ec2.us-east-1", "sqs.cn-north-1.amazonaws.com.cn": "aws-cn sqs.cn-north-1",
		"aos.us-east-1.api.aws": "aws aos.us-east-1", "s3.eusc-de-east-1.amazonaws.eu": "aws-eusc s3.eusc-de-east-1",
		"example.com": "", "notamazonaws.com": "", "amazonaws.com": "aws ",
	} {
		got := ""
		if p, rest, ok := tbl.PartitionOf(host); ok {
			got = p.Name + " " + rest
		}
		if got != want {
			t.Errorf("PartitionOf(%q) = %q, want %q", host, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(embedded[:200])
	f.Add([]byte(magic))
	small, err := Encode(Contents{
		Infos: []*Info{{Service: Service{Name: "x", Operations: []*Operation{{Name: "Do",
			Input: &Shape{Name: "In", Members: []Member{{Name: "A", WireName: "a", Shape: &Shape{Name: "S", Kind: String}}}}}}}}},
		CFN: []CFNType{{Name: "AWS::X::A", CreateOnly: []string{"Name"}}, {Name: "AWS::X::B", TagProperty: "Tags", Stateful: true}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Fuzz(func(t *testing.T, data []byte) {
		tbl, err := Parse(data)
		if err != nil {
			return
		}
		for _, i := range tbl.Services() {
			_, _ = i.Load() // a damaged block is an error, never a panic
		}
		_, _ = tbl.CFNTypes()
	})
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		if _, err := Open(); err != nil {
			b.Fatal(err)
		}
	}
}

// heapOf is what stays in memory because of f.
func heapOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return after.HeapAlloc - before.HeapAlloc
}

func TestAllServicesTogetherAreSmall(t *testing.T) {
	var tbl *Table
	heap := heapOf(func() {
		tbl = open(t)
		for _, i := range tbl.Services() {
			if _, err := i.Load(); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Logf("%d services take %.1f MB", len(tbl.Services()), float64(heap)/1e6)
	if heap > 40e6 {
		t.Errorf("all services take %d bytes, the limit is 40 MB", heap)
	}
	runtime.KeepAlive(tbl)
}

// BenchmarkFirstUse loads each service once, and reports the slowest.
func BenchmarkFirstUse(b *testing.B) {
	var worst time.Duration
	for b.Loop() {
		for _, raw := range open(b).Services() {
			began := time.Now()
			if _, err := raw.Load(); err != nil {
				b.Fatal(err)
			}
			worst = max(worst, time.Since(began))
		}
	}
	b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
}

func BenchmarkLoadEC2(b *testing.B) {
	tbl := open(b)
	raw := tbl.byName["ec2"]
	for b.Loop() {
		i := &Info{Service: raw.Service, block: raw.block}
		if _, err := i.Load(); err != nil {
			b.Fatal(err)
		}
	}
}
