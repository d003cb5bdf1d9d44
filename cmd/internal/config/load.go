package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is what the file is called in every place.
const FileName = "assent.yaml"

// maxFile bounds a configuration file in bytes.
const maxFile = 1 << 20

// Where is what the lookup depends on.
type Where struct {
	Explicit string              // --config; read alone
	Dir      string              // the working directory
	Getenv   func(string) string // os.Getenv
	Home     string              // os.UserHomeDir
	OS       string              // runtime.GOOS
}

// Load finds, reads and merges the files.
func Load(w Where) (*Config, error) {
	files, explicit := w.files()
	c := Config{origin: map[string]string{}}
	for _, path := range files {
		data, err := read(path)
		if errors.Is(err, fs.ErrNotExist) && !explicit {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading configuration: %w", err)
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("reading configuration: %w", err)
		}
		one, err := Parse(w.short(path), filepath.Dir(abs), data)
		if err != nil {
			return nil, err
		}
		c.merge(one)
	}
	state, err := StateDir(w)
	if err != nil {
		return nil, err
	}
	whole := defaults(state)
	whole.merge(c)
	return &whole, nil
}

// short keeps a file of the working directory by its bare name.
func (w Where) short(path string) string {
	if rel, err := filepath.Rel(w.Dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

func (w Where) files() (paths []string, explicit bool) {
	chosen := w.Explicit
	if chosen == "" {
		chosen = w.Getenv("ASSENT_CONFIG")
	}
	if chosen != "" {
		if !filepath.IsAbs(chosen) {
			chosen = filepath.Join(w.Dir, chosen)
		}
		return []string{chosen}, true
	}
	paths = []string{filepath.Join(w.Dir, FileName)}
	if user := w.userDir(); user != "" {
		paths = append(paths, filepath.Join(user, "assent", FileName))
	}
	if w.OS == "windows" {
		if shared := w.Getenv("ProgramData"); shared != "" {
			paths = append(paths, filepath.Join(shared, "assent", FileName))
		}
		return paths, false
	}
	return append(paths, filepath.Join("/etc", "assent", FileName)), false
}

func (w Where) userDir() string {
	if dir := w.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	switch {
	case w.OS == "windows":
		return w.Getenv("AppData")
	case w.Home == "":
		return ""
	case w.OS == "darwin":
		return filepath.Join(w.Home, "Library", "Application Support")
	}
	return filepath.Join(w.Home, ".config")
}

// StateDir returns where evidence and the model live by default. It makes nothing.
func StateDir(w Where) (string, error) {
	// The XDG rule: a relative value is invalid and ignored.
	if dir := w.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "assent"), nil
	}
	if w.OS == "windows" {
		if dir := w.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "assent"), nil
		}
	}
	if w.Home == "" {
		return "", errors.New("finding the state folder: neither XDG_STATE_HOME nor HOME is set")
	}
	if w.OS == "darwin" {
		return filepath.Join(w.Home, "Library", "Application Support", "assent"), nil
	}
	return filepath.Join(w.Home, ".local", "state", "assent"), nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return data, nil
}
