package main

import "syscall"

// diesWithParent: the kernel kills the child when this process dies, however.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
