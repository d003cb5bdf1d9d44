//go:build !windows

package certs

import (
	"fmt"
	"os"
)

// private refuses a key file that anybody but its owner can read.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s is readable by others (%#o): chmod 600 %s", path, mode, path)
	}
	return nil
}
