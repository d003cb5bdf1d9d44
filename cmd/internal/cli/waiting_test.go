package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An interrupt ends whatever waits for input.
func TestAnInterruptEndsWhatWaitsForInput(t *testing.T) {
	for _, line := range []string{"decode", "may", "request --as ana", "model import -", "model import - --intended team", "radius --plan -",
		"login --server https://127.0.0.1:1 --token-file -"} {
		t.Run(line, func(t *testing.T) {
			dir := t.TempDir()
			never, theirs := io.Pipe()
			defer theirs.Close()
			read := make(chan struct{}, 1)
			var said bytes.Buffer
			app := &App{Stdin: noticed{never, read}, Stdout: io.Discard, Stderr: &said, Dir: dir, Home: dir, Now: time.Now, Rand: rand.Reader, Version: "test",
				Getenv: func(name string) string {
					return map[string]string{"XDG_STATE_HOME": filepath.Join(dir, "state")}[name]
				}}
			ctx, interrupt := context.WithCancel(context.Background())
			ended := make(chan int, 1)
			go func() { ended <- app.Execute(ctx, strings.Fields(line)) }()
			select {
			case <-read:
			case code := <-ended:
				t.Fatalf("ended with %d before it read anything: %s", code, said.String())
			case <-time.After(time.Minute):
				t.Fatal("reads nothing")
			}
			interrupt()
			select {
			case code := <-ended:
				if code != 130 || said.String() != "assent: interrupted\n" {
					t.Errorf("exit code %d: %s", code, said.String())
				}
			case <-time.After(10 * time.Second):
				t.Fatal("goes on waiting")
			}
		})
	}
}

// noticed tells when it is read.
type noticed struct {
	from io.Reader
	read chan<- struct{}
}

func (n noticed) Read(p []byte) (int, error) {
	select {
	case n.read <- struct{}{}:
	default:
	}
	return n.from.Read(p)
}
