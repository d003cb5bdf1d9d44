package exam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// clients gives where the modules of aws-sdk-go-v2's clients lie, by their name:
// those that the nested module golden pins.
func clients(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json")
	cmd.Dir, cmd.Stderr = "golden", os.Stderr
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the modules of aws-sdk-go-v2 MUST be there in CI: %v", err)
		}
		t.Skipf("NOT RUN: the golden requests of aws-sdk-go-v2 need its modules: %v", err)
	}
	dirs := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var m struct{ Path, Dir string }
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(m.Path, "github.com/aws/aws-sdk-go-v2/service/"); ok && !strings.Contains(name, "/") {
			dirs[name] = m.Dir
		}
	}
	return dirs
}

// origin is where a call is sent and how it is signed. The golden requests stop
// short of both.
type origin struct{ host, authorization string }

// origins are those of one service, by operation; "" is for operations that
// botocore does not have.
type origins struct {
	service string
	of      map[string]origin
}

// fromBotocore reads the origins of every service by the name of its Go client.
func fromBotocore(t *testing.T) map[string]*origins {
	t.Helper()
	all := map[string]*origins{}
	Each(t, "minimal", "", func(r Row) {
		u, err := url.Parse(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		if r.Service == "s3" {
			u.Host = strings.TrimPrefix(u.Host, "my-bucket.")
		}
		if all[r.ID] == nil {
			all[r.ID] = &origins{r.Service, map[string]origin{}}
		}
		o := origin{u.Host, r.Headers["Authorization"]}
		all[r.ID].of[r.Operation] = o
		if have := all[r.ID].of[""]; have.authorization == "" || len(o.host) < len(have.host) && o.authorization != "" {
			all[r.ID].of[""] = o // the host without a prefix of an operation's own
		}
	})
	return all
}

// Requests that another SDK's own clients wrote are identified: every operation
// that is in the table, and none as another.
func TestGoldenRequestsOfTheGoSDK(t *testing.T) {
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	id := newIdentifier(t)
	from := fromBotocore(t)
	services, right, same, news, unknown := 0, 0, map[string]string{}, 0, map[string]string{}
	for client, dir := range clients(t) {
		at, ok := from[client]
		snaps, err := filepath.Glob(filepath.Join(dir, "request_snapshot", "*.request.snap"))
		if err != nil {
			t.Fatal(err)
		}
		if len(snaps) == 0 || !ok && !Whole() {
			continue
		}
		if !ok {
			t.Errorf("botocore has no service whose Go client is %s", client)
			continue
		}
		services++
		for _, file := range snaps {
			r := Row{Service: at.service, Operation: strings.TrimSuffix(path.Base(filepath.ToSlash(file)), ".request.snap")}
			c := snapshot(t, tbl, file, r, at)
			got, err := id.Identify(c)
			isNew := !inTable(tbl, r)
			switch {
			case err == nil && got.Operation != nil && got.Service.Name+":"+got.Operation.Name == r.Name():
				right++
			case err == nil && got.Operation != nil:
				same[r.Name()] = got.Service.Name + ":" + got.Operation.Name
			case isNew:
				news++
			case err != nil:
				unknown[r.Name()] = "refused: " + err.Error()
			default:
				unknown[r.Name()] = got.Why
			}
		}
	}
	t.Logf("aws-sdk-go-v2: %d services; %d requests identified, %d under the name of a service with the same API, %d of operations newer than the table unknown", services, right, len(same), news)
	if services < 15 || Whole() && services < 30 { // of the sample, as many have snapshots
		t.Errorf("only %d services", services)
	}
	aliases := Reviewed(t, "aliases")
	for who, as := range same {
		if aliases[who] != as {
			t.Errorf("WRONG: %s was taken for %s", who, as)
		}
	}
	Exactly(t, "moved", unknown, false)
}

// snapshot reads a golden request and sends it where the service is. The Go
// snapshots hide the bucket that stands in the host.
func snapshot(t *testing.T, tbl *table.Table, file string, r Row, from *origins) decoders.Call {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readSnapshot(text)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	at, ok := from.of[r.Operation]
	if !ok {
		at = from.of[""]
	}
	c.Host = at.host
	if r.Service == "s3" && takesBucket(tbl, r.Operation) {
		c.Host = "my-bucket." + at.host
	}
	c.URL.Host = c.Host
	if at.authorization != "" {
		c.Header.Set("Authorization", at.authorization)
	}
	return c
}

func takesBucket(tbl *table.Table, operation string) bool {
	s3, _ := tbl.Service("s3")
	op, ok := s3.Operation(operation)
	if !ok || op.Input == nil {
		return true
	}
	for _, m := range op.Input.Members {
		if m.Name == "Bucket" {
			return true
		}
	}
	return false
}

func readSnapshot(text []byte) (decoders.Call, error) {
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	method, target, ok := strings.Cut(string(line), " ")
	if !ok {
		return decoders.Call{}, fmt.Errorf("request line %q", line)
	}
	rest = bytes.TrimPrefix(rest, []byte("\n"))
	c := decoders.Call{Method: method, Scheme: "https", Header: http.Header{}}
	rawPath, rawQuery, _ := strings.Cut(target, "?")
	p, err := url.PathUnescape(rawPath)
	if err != nil {
		return c, err
	}
	c.URL = &url.URL{Scheme: "https", Path: p, RawPath: rawPath, RawQuery: rawQuery}
	for {
		line, rest, ok = bytes.Cut(rest, []byte("\n"))
		name, value, isHeader := strings.Cut(string(line), ": ")
		if !isHeader || !ok {
			break
		}
		c.Header.Add(name, value)
	}
	c.Body = rest
	return c, nil
}
