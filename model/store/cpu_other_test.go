//go:build !linux

package store

import (
	"testing"
	"time"
)

var began = time.Now()

func cpuTime(*testing.B) time.Duration { return time.Since(began) }
