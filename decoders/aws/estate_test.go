package aws

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// estateRow is one call and its answer, and the ARNs that the answer shows.
type estateRow struct {
	Kind, Service, Operation, Method, URL string
	Headers                               map[string]string
	Body                                  []byte
	Status                                int
	AnswerHeaders                         map[string]string `json:"answer_headers"`
	Answer                                []byte
	Shows                                 []model.URN
	Tagged                                bool
}

func (r estateRow) name() string { return r.Service + ":" + r.Operation }

func (r estateRow) call(t testing.TB) decoders.Call {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := decoders.Call{Method: r.Method, Scheme: u.Scheme, Host: u.Host, URL: u, Header: http.Header{}, Body: r.Body}
	for k, v := range r.Headers {
		c.Header.Set(k, v)
	}
	return c
}

func (r estateRow) answer() *decoders.Response {
	out := &decoders.Response{Status: r.Status, Header: http.Header{}, Body: r.Answer}
	for k, v := range r.AnswerHeaders {
		out.Header.Set(k, v)
	}
	return out
}

// estate is what testdata/estate.py recorded (testdata/estate.jsonl.gz; make it
// again with -update). CI builds the estate anew: its ids are never the same.
func estate(t *testing.T) []estateRow {
	t.Helper()
	const path = "testdata/estate.jsonl.gz"
	live := os.Getenv("CI") == "true" || *update
	if live && exec.Command("python3", "-c", "import moto, boto3").Run() != nil {
		t.Fatal("learning has to be held against a living estate: it needs python3 with moto and boto3")
	}
	var data []byte
	if live {
		cmd := exec.Command("python3", "testdata/estate.py")
		cmd.Stderr = os.Stderr
		var err error
		if data, err = cmd.Output(); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(data); err != nil || z.Close() != nil || os.WriteFile(path, b.Bytes(), 0o644) != nil {
			t.Fatalf("writing %s: %v", path, err)
		}
	}
	if !live {
		packed, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer packed.Close()
		z, err := gzip.NewReader(packed)
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	var rows []estateRow
	scan := bufio.NewScanner(bytes.NewReader(data))
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		var r estateRow
		if err := json.Unmarshal(scan.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, scan.Text())
		}
		rows = append(rows, r)
	}
	return rows
}

// Every resource that is made is observed exactly once in each answer that shows
// it, under one name: what its making says, what a description says and what a
// list says are the same resource.
func TestEveryAnswerNamesAResourceTheSame(t *testing.T) {
	d, rows := decoder(t), estate(t)
	if len(rows) < 250 {
		t.Fatalf("only %d calls", len(rows))
	}
	known := map[model.URN]bool{}
	for _, r := range rows {
		for _, urn := range r.Shows {
			known[urn] = true
		}
	}
	type score struct{ makes, reads, missed int }
	services := map[string]*score{}
	others := map[string]int{}
	for _, r := range rows {
		seen := map[model.URN]int{}
		tags := map[model.URN]map[string]string{}
		for _, o := range (*model.Veil)(nil).Observations(d.Learn(r.call(t), r.answer())) {
			seen[o.Resource.URN]++
			tags[o.Resource.URN] = o.Resource.Tags
			if o.Gone {
				t.Errorf("%s: an answer that shows things says that %s is gone", r.name(), o.Resource.URN)
			}
			for _, secret := range []string{"hunter2-never-kept", "Hunter2never1", "PRIVATE KEY"} {
				if bytes.Contains(o.Resource.Attrs, []byte(secret)) {
					t.Errorf("%s: a secret in the attributes of %s: %s", r.name(), o.Resource.URN, o.Resource.Attrs)
				}
			}
			if !known[o.Resource.URN] && !strings.Contains(string(o.Resource.URN), "*") {
				others[r.name()+" "+o.Resource.Type]++
			}
		}
		s := services[r.Service]
		if s == nil {
			s = &score{}
			services[r.Service] = s
		}
		for _, urn := range r.Shows {
			if r.Kind == "make" {
				s.makes++
			} else {
				s.reads++
			}
			if seen[urn] != 1 {
				s.missed++
				t.Errorf("%s shows %s: observed %d times, among %v", r.name(), urn, seen[urn], slices.Sorted(maps.Keys(seen)))
			} else if r.Tagged && (tags[urn]["team"] != "shop" || tags[urn]["env"] != "prod") {
				t.Errorf("%s shows %s with tags %v", r.name(), urn, tags[urn])
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		t.Logf("beside: %s ×%d", name, others[name])
	}
	var table strings.Builder
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s := services[name]
		fmt.Fprintf(&table, "\n%-16s %3d made %3d read %3d missed", name, s.makes, s.reads, s.missed)
	}
	t.Log(table.String())
}

// Half an answer teaches nothing false: what it shows is what the whole answer
// shows, or what the call itself made, and nothing is ever said to be gone.
func TestHalfAnAnswerTeachesNothingFalse(t *testing.T) {
	d := decoder(t)
	for _, r := range estate(t) {
		whole := map[model.URN]bool{}
		for _, o := range d.Learn(r.call(t), r.answer()) {
			whole[o.Resource.URN] = true
		}
		for _, cut := range []bool{true, false} { // said to be cut off, and not
			half := r.answer()
			half.Body, half.Truncated = half.Body[:len(half.Body)/2], cut
			for _, o := range d.Learn(r.call(t), half) {
				named := strings.Contains(r.URL, r.Service) && o.Resource.Source == "aws "+r.name() && !strings.Contains(string(o.Resource.URN), "*")
				if o.Gone || !whole[o.Resource.URN] && !(r.Kind == "make" && named) {
					t.Errorf("%s: half an answer (cut: %v) teaches %+v", r.name(), cut, o)
				}
			}
		}
	}
}
