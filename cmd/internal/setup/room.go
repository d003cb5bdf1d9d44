package setup

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/certs/truststore"
)

// Room is the private folder of one run.
type Room struct {
	dir string
}

// NewRoom makes a folder that only its owner can enter.
func NewRoom() (*Room, error) {
	dir, err := os.MkdirTemp("", "assent-run-") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("making the run's private folder: %w", err)
	}
	return &Room{dir}, nil
}

// RoomAt is a room that lasts: in a folder of its own, which is made where it is not there.
func RoomAt(dir string) (*Room, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making %s: %w", dir, err)
	}
	return &Room{dir}, nil
}

// Close removes the folder with everything in it.
func (r *Room) Close() error { return os.RemoveAll(r.dir) }

// Write writes a file into the room and returns its path.
func (r *Room) Write(name string, data []byte) (string, error) {
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", fmt.Errorf("writing %s: %w", name, err)
	}
	return path, nil
}

// Read reads a file of the room, as it is now.
func (r *Room) Read(name string) ([]byte, error) {
	return ReadFile(filepath.Join(r.dir, name))
}

// UserRoots returns the PEM files that the user's variables name (a company's own
// CA), each once. One that cannot be read is said in a note, as the program that
// needs it would have said.
func UserRoots(getenv func(string) string) (files [][]byte, notes []Note) {
	seen := map[string]bool{}
	for _, name := range BundleVariables() {
		path := getenv(name)
		if path == "" || seen[path] {
			continue
		}
		seen[path] = true
		data, err := ReadFile(path)
		if err != nil {
			notes = append(notes, Note{Text: fmt.Sprintf("%s names a file that cannot be read and is left out: %v", name, err)})
			continue
		}
		if certificates, _ := certs.Parse(data); len(certificates) == 0 {
			notes = append(notes, Note{Text: fmt.Sprintf("%s=%s holds no certificate and is left out", name, path)})
			continue
		}
		files = append(files, data)
	}
	return files, notes
}

// UpstreamRoots is what the engine itself trusts: the system's roots and those
// that the user's variables name, so that a company's own CA works in a run as it
// does without one. Nil where there are none of those: the system's roots alone.
func UpstreamRoots(getenv func(string) string) (*x509.CertPool, error) {
	files, _ := UserRoots(getenv) // Trust says what cannot be read
	if len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's roots: %w", err)
	}
	for _, data := range files {
		pool.AppendCertsFromPEM(data)
	}
	return pool, nil
}

// Trust writes the run's CA, its bundle and its Java trust store, and fills in
// their paths. Files that the user's variables name are included.
func (r *Room) Trust(in *Params, getenv func(string) string, ca []byte, rand io.Reader) (notes []Note, err error) {
	extra, notes := UserRoots(getenv)
	bundle, err := certs.Bundle(certs.SystemBundles(), extra, ca)
	if err != nil {
		return nil, err
	}
	if in.CA, err = r.Write("ca.pem", ca); err != nil {
		return nil, err
	}
	if in.Bundle, err = r.Write("bundle.pem", bundle); err != nil {
		return nil, err
	}
	store, err := truststore.Encode(rand, bundle, truststore.Password)
	if err != nil {
		return nil, err
	}
	in.Password = truststore.Password
	in.TrustStore, err = r.Write("bundle.p12", store)
	return notes, err
}

// maxFile bounds a file that a variable names: the largest bundle of roots is
// half a megabyte.
const maxFile = 8 << 20

// ReadFile reads a file of bounded size.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return data, err
}
