//go:build !unix

package pgtest

import (
	"errors"
	"os/exec"
)

func (s *Server) become(*exec.Cmd) error { return errors.New("pgtest: no unix sockets here") }

func (s *Server) give(...string) error { return errors.New("pgtest: no unix sockets here") }
