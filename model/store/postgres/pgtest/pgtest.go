// Package pgtest starts a real PostgreSQL for a test: the system's own programs, a
// database cluster in a folder of its own, reached by a unix socket, so that no port
// can be taken. It ends with the test, and also when the test's process is killed.
//
// As root the server runs as the user postgres, or nobody: PostgreSQL refuses to be
// root. Without PostgreSQL a test is skipped by hand, and fails where CI is set.
//
// # Words
//
// Server: one running PostgreSQL. Down, up: it is away, it is back.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// Role and Password are what a Server is reached with. The password is asked for.
	Role     = "assent"
	Password = "correct-horse-8f3a"
	// patience bounds a start and a stop, on a machine that is busy with other things.
	patience = 2 * time.Minute
)

// Server is one PostgreSQL. Its methods belong to the goroutine of the test.
type Server struct {
	bin, dir string
	as       *user.User // nil: as who runs the test
	made     atomic.Int64

	run   *exec.Cmd // nil while it is down
	leash io.Closer // the server ends when it is closed
	log   *bytes.Buffer
}

// Start makes a database cluster and starts it. The settings are PostgreSQL's own
// defaults, fsync included; more of them are given as name=value.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin := programs()
	if bin == "" {
		const none = "PostgreSQL is not installed (initdb and postgres, in PATH or /usr/lib/postgresql): .ci/tools.sh pg"
		if os.Getenv("CI") != "" {
			t.Fatal(none)
		}
		t.Skip(none)
	}
	as, err := other()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(place(as), "pg") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{bin: bin, dir: dir, as: as}
	if err := s.init(settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.run != nil {
			s.Down(t)
		}
		if t.Failed() {
			t.Logf("PostgreSQL said:\n%s", s.log)
		}
	})
	s.Up(t)
	return s
}

// programs is the folder with initdb and postgres, the newest there is; empty: none.
func programs() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well formed
	sort.Slice(found, func(i, j int) bool { return version(found[i]) < version(found[j]) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	name, err := exec.LookPath("initdb")
	if err != nil {
		return ""
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return ""
	}
	return filepath.Dir(name)
}

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb)))) // no number: the oldest
	return n
}

// other is whom the server runs as: nobody else, unless the test is root's.
func other() (*user.User, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return u, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

// place is where the cluster's folder is made: a folder of root's own is no place
// for another user.
func place(as *user.User) string {
	if as != nil {
		return "/tmp"
	}
	return ""
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) init(settings []string) error {
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(Password), 0o600); err != nil {
		return err
	}
	if err := s.give(s.dir, secret); err != nil {
		return err
	}
	args := []string{"-D", s.data(), "-U", Role, "--pwfile=" + secret, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"}
	ctx, end := context.WithTimeout(context.Background(), patience)
	defer end()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), args...)
	if err := s.become(cmd); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	more, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(more, "\nlisten_addresses = ''\nunix_socket_directories = '%s'\n", s.dir)
	for _, line := range settings {
		fmt.Fprintln(more, line)
	}
	return more.Close()
}

// Up starts the server and returns when it answers.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	// The shell is the leash: it ends the server when its input does, which is also
	// when the process of the test does.
	const leash = `"$@" </dev/null & pid=$!; trap '' INT; (read -r _; kill -INT $pid 2>/dev/null) <&3 3<&- & wait $pid`
	cmd := exec.Command("/bin/sh", "-c", leash, "sh", filepath.Join(s.bin, "postgres"), "-D", s.data())
	if err := s.become(cmd); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.log = &bytes.Buffer{}
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{r}, s.log, s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	s.run, s.leash = cmd, w
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if s.ready() {
			return
		}
		if time.Since(start) > patience {
			s.Down(t)
			t.Fatalf("PostgreSQL did not start:\n%s", s.log)
		}
	}
}

// ready: postmaster.pid says so in its last line, once connections are taken.
func (s *Server) ready() bool {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil || !bytes.Contains(text, []byte("ready")) {
		return false
	}
	c, err := net.Dial("unix", filepath.Join(s.dir, ".s.PGSQL.5432"))
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// Down ends the server at once: connections are cut, what was committed stays.
func (s *Server) Down(t testing.TB) {
	t.Helper()
	s.leash.Close()
	s.run.Wait() // the status of a server that was told to end says nothing
	s.run = nil
}

// URL names the database postgres of the server, with the password.
func (s *Server) URL() string { return s.url("postgres") }

func (s *Server) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(Role, Password), Path: "/" + database,
		RawQuery: url.Values{"host": {s.dir}, "sslmode": {"disable"}}.Encode()}
	return u.String()
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("d%d", s.made.Add(1))
	if out, err := s.PSQL("CREATE DATABASE " + name); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s.url(name)
}

// PSQL runs one statement in the database postgres, or in that of a URL, and returns
// what it prints.
func (s *Server) PSQL(statement string, at ...string) (string, error) {
	where := s.URL()
	if len(at) > 0 {
		where = at[0]
	}
	cmd := exec.Command(filepath.Join(s.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, where)
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}
