//go:build !linux

package main

import "syscall"

// diesWithParent: no such promise here; a killed k8sbox leaves its children.
func diesWithParent() *syscall.SysProcAttr { return nil }
