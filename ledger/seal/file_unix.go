//go:build !windows

package seal

import (
	"fmt"
	"io/fs"
	"os"
)

// private refuses a key file that somebody else may read.
func private(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s may be read by others (mode %04o); repair: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

// SyncDir makes a rename or a link in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
