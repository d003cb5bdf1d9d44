package certs

import "os"

// private only looks that the file is there: access lists are not mode bits, and
// the user's profile, where keys live, is private by default.
func private(path string) error {
	_, err := os.Stat(path)
	return err
}
