//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// ids are the user and the group of the server.
func (s *Server) ids() (uid, gid int, err error) {
	if uid, err = strconv.Atoi(s.as.Uid); err != nil {
		return 0, 0, fmt.Errorf("the user %s: %w", s.as.Username, err)
	}
	if gid, err = strconv.Atoi(s.as.Gid); err != nil {
		return 0, 0, fmt.Errorf("the user %s: %w", s.as.Username, err)
	}
	return uid, gid, nil
}

// become makes a command the server's user's, in a group of its own, so that a ^C
// meant for the test ends the server by the test.
func (s *Server) become(cmd *exec.Cmd) error {
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.as == nil {
		return nil
	}
	uid, gid, err := s.ids()
	if err == nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return err
}

// give makes files the server's.
func (s *Server) give(names ...string) error {
	if s.as == nil {
		return nil
	}
	uid, gid, err := s.ids()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Chown(name, uid, gid); err != nil {
			return err
		}
	}
	return os.Chmod(s.dir, 0o755) // root's test reaches in anyway; so does a program it starts as another
}
