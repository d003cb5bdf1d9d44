package engine

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

// A newer table is taken up while the engine runs, and every decision names the
// table that it was made with. A bad one changes nothing.
func TestEveryDecisionNamesItsTable(t *testing.T) {
	dir := t.TempDir()
	tables := filepath.Join(dir, "tables")
	e, err := New(context.Background(), Config{
		LedgerDir: filepath.Join(dir, "ledger"), ModelPath: filepath.Join(dir, "model.db"), TablesDir: tables,
		Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	consider := func() (model.Verb, string) {
		u, err := url.Parse("https://sqs.us-east-1.amazonaws.com/")
		if err != nil {
			t.Fatal(err)
		}
		c := decoders.Call{Method: "POST", Scheme: "https", Host: u.Host, URL: u, Body: []byte("{}"), Header: http.Header{
			"X-Amz-Target": {"AmazonSQS.ListQueues"}, "Content-Type": {"application/x-amz-json-1.0"}}}
		d, _, err := e.registry.Find(c)
		if err != nil {
			t.Fatal(err)
		}
		got := e.Consider(context.Background(), proxy.Asked{Call: c, Decoder: d})
		return got.Action.Verb, got.Basis.Decoder
	}
	embedded := e.Table()
	if verb, by := consider(); verb != model.Read || by != "aws 1 "+embedded {
		t.Errorf("at the start: %s by %q", verb, by)
	}
	if changed, err := e.ReloadTable(); changed || err != nil {
		t.Errorf("nothing new: %v, %v", changed, err)
	}

	own := install(t, tables)
	if changed, err := e.ReloadTable(); !changed || err != nil {
		t.Fatalf("a newer table: %v, %v", changed, err)
	}
	if verb, by := consider(); verb != model.Unknown || by != "aws 1 "+own {
		t.Errorf("after the swap: %s by %q", verb, by)
	}

	if err := os.WriteFile(filepath.Join(tables, table.InstalledFile), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := e.ReloadTable(); err == nil || e.Table() != own {
		t.Errorf("a damaged table: %v, running %s", err, e.Table())
	}

	if _, err := table.Uninstall(tables); err != nil {
		t.Fatal(err)
	}
	if changed, err := e.ReloadTable(); !changed || err != nil || e.Table() != embedded {
		t.Errorf("after a reset: %v, %v, running %s", changed, err, e.Table())
	}
}

// install installs a table that knows one operation of SQS, and returns its hash.
func install(t *testing.T, dir string) string {
	t.Helper()
	full, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	sqs := table.Service{Name: "sqs", SigningName: "sqs", EndpointPrefix: "sqs", Protocols: []string{"json"}, JSONVersion: "1.0",
		TargetPrefix: "AmazonSQS", APIVersions: []string{"2012-11-05"}, Operations: []*table.Operation{{Name: "DeleteQueue", Method: "POST", URI: "/"}}}
	data, err := table.Encode(table.Contents{Partitions: full.Partitions,
		Infos: []*table.Info{{Service: sqs, SigningNames: []string{"sqs"}, HostLabels: []string{"sqs"}}}})
	if err != nil {
		t.Fatal(err)
	}
	small, err := table.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	m := table.Manifest{Table: small.Hash(), Sources: map[string]table.Source{"botocore": {Version: "99.0.0"}}}
	if err := table.Install(dir, data, m); err != nil {
		t.Fatal(err)
	}
	return small.Hash()
}
