package pgtest

import (
	"strings"
	"testing"
)

// What was committed is there after the server was away, and a wrong password is not
// let in.
func TestAServerComesAndGoes(t *testing.T) {
	s := Start(t, "log_statement=all")
	at := s.Database(t)
	if at == s.Database(t) {
		t.Error("two databases are one")
	}
	if out, err := s.PSQL("CREATE TABLE a AS SELECT 42 AS n", at); err != nil {
		t.Fatal(err, out)
	}
	s.Down(t)
	if out, err := s.PSQL("SELECT 1"); err == nil {
		t.Errorf("a server that is down says %s", out)
	}
	s.Up(t)
	if out, err := s.PSQL("SELECT n FROM a", at); err != nil || out != "42" {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := s.PSQL("SELECT 1", strings.Replace(at, Password, "wrong", 1)); err == nil {
		t.Errorf("a wrong password is let in: %s", out)
	}
}
