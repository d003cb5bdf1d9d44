package store

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// The test binary, started again with these, saves observation after observation from
// a number on, and writes a line with the number of the last one that is on disk.
const (
	childPath = "ASSENT_TEST_MODEL"
	childFrom = "ASSENT_TEST_FROM"
)

// mostWaiting bounds the observations that a child puts before it waits for the disk.
const mostWaiting = 40

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, saveMany(path, os.Getenv(childFrom))) // it only ends when it fails
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func saveMany(path, from string) error {
	n, err := strconv.Atoi(from)
	if err != nil {
		return err
	}
	s, err := Open(path)
	if err != nil {
		return err
	}
	w := NewWriter(s)
	for {
		for range 1 + n%mostWaiting {
			if err := w.Put([]model.Observation{nth(n)}); err != nil {
				return err
			}
			n++
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err := s.Executed(context.Background(), []model.Built{{URN: "built", Type: "t", Decision: strconv.Itoa(n - 1)}}, nil); err != nil {
			return err
		}
		if _, err := fmt.Println(n - 1); err != nil {
			return err
		}
	}
}

// nth is one observation of a history in which things come, change, are named
// otherwise, relate to each other, and go.
func nth(n int) model.Observation {
	urn := func(i int) model.URN { return model.URN(fmt.Sprintf("thing-%d", i%151)) }
	o := model.Observation{Whole: n%5 == 0, Resource: model.Resource{URN: urn(n * 7), Platform: "aws", Type: "ec2:instance", SeenAt: time.Unix(int64(n), 0).UTC(),
		Attrs: json.RawMessage(fmt.Sprintf(`{"n":%d,"f%d":{"SubnetId":"thing-%d"}}`, n, n%4, n*3%151))}}
	switch {
	case n%11 == 0:
		o.Gone = true
	case n%3 == 0:
		o.Resource.Aliases = []string{fmt.Sprintf("alias-%d", n*7%151)}
		o.Resource.Tags = map[string]string{"n": strconv.Itoa(n)}
	case n%4 == 0:
		o.Relations = []model.Relation{{From: urn(n * 7), To: urn(n * 5), Type: model.Reads, Source: "test"}}
	case n%7 == 0:
		o.Cut = []model.Relation{{From: urn((n - 3) * 7), To: urn((n - 3) * 5)}}
	}
	return o
}

// kills is how often a process is killed; ASSENT_KILLS=1000 is the whole exam.
func kills(t *testing.T) int {
	text := os.Getenv("ASSENT_KILLS")
	switch {
	case text == "" && testing.Short():
		return 4
	case text == "":
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A process that saves is killed at random points, while it opens the file too. What is
// there when the file is opened again is the history up to one observation, none left
// out and none in part, and all that was acknowledged is in it.
func TestWhatIsThereAfterAKillIsAnAcknowledgedPrefix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.db")
	rng := rand.New(rand.NewPCG(1, 2))
	g := graph.New(graph.Config{})
	at, acknowledged, opening, unacknowledged := 0, 0, 0, 0 // g is the history up to at
	rounds := kills(t)
	for round := range rounds {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), childPath+"="+path, childFrom+"="+strconv.Itoa(at+1))
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		after, wait := rng.IntN(30), time.Duration(rng.Int64N(int64(5*time.Millisecond)))
		if after == 0 {
			wait *= 10 // somewhere in its start
		}
		kill := func() { time.AfterFunc(wait, func() { c.Process.Kill() }) }
		if after == 0 {
			kill()
		}
		seen := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				break // a line that was cut off acknowledges nothing
			}
			if acknowledged, seen = n, seen+1; seen == after {
				kill()
			}
		}
		if c.Wait(); c.ProcessState.Success() || c.ProcessState.Exited() {
			t.Fatalf("round %d: it was not killed but ended: %v", round, c.ProcessState)
		}
		if seen == 0 {
			opening++
		}
		s, err := Open(path)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		resources, relations := load(t, s)
		there := graph.New(graph.Config{})
		there.Load(resources, relations)
		want, most := there.Snapshot().Version().Digest, max(at, acknowledged)+mostWaiting
		for at < acknowledged || g.Snapshot().Version().Digest != want {
			if at++; at > most {
				t.Fatalf("round %d: what is there is no prefix of what was saved; %d was acknowledged", round, acknowledged)
			}
			g.Apply([]model.Observation{nth(at)})
		}
		if at > acknowledged {
			unacknowledged++
		}
		b, ok, err := s.BuiltOf(t.Context(), "built")
		if n, _ := strconv.Atoi(b.Decision); err != nil || acknowledged > 0 && !ok || n < acknowledged || n > at {
			t.Fatalf("round %d: %d is acknowledged, and built is %q, %v", round, acknowledged, b.Decision, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d before anything was acknowledged, %d with more on disk than was: %d observations, all of them there", rounds, opening, unacknowledged, at)
	if at == 0 {
		t.Error("nothing was ever saved")
	}
}
