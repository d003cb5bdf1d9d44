package docs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// State is how a page on disk stands to what it should be.
type State string

// The states. The last three make a folder stale.
const (
	Same    State = "same"
	Written State = "written"
	Removed State = "removed"
	Stale   State = "stale"   // it says something else
	Missing State = "missing" // it is not there
	Extra   State = "extra"   // there is nothing any more that it could be about
)

// Result is what became of one page, or what is wrong with it.
type Result struct {
	Path  string `json:"path"`
	Kind  string `json:"kind,omitempty"`
	Name  string `json:"name,omitempty"`
	State State  `json:"state"`
}

// maxPage bounds a page that is read back.
const maxPage = 16 << 20

// Sync makes a folder what pages say; with check it changes nothing, and says what it
// would. Files that are not pages are left alone; one that stands in a page's place is
// an error.
func Sync(dir string, pages []Page, check bool) ([]Result, error) {
	var all []Result
	wanted := map[string]bool{}
	for _, p := range pages {
		wanted[p.Path] = true
		state, err := one(filepath.Join(dir, filepath.FromSlash(p.Path)), p, check)
		if err != nil {
			return all, err
		}
		all = append(all, Result{p.Path, p.Kind, p.Name, state})
	}
	old, err := ours(dir)
	if err != nil {
		return all, err
	}
	for _, path := range old {
		if wanted[path] {
			continue
		}
		r := Result{Path: path, State: Extra}
		if !check {
			r.State = Removed
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(path))); err != nil {
				return all, err
			}
		}
		all = append(all, r)
	}
	return all, nil
}

func one(path string, p Page, check bool) (State, error) {
	have, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if check {
			return Missing, nil
		}
	case err != nil:
		return "", err
	case !bytes.HasPrefix(have, []byte(mark)):
		return "", fmt.Errorf("%s is not a page that assent has made, and stands where one belongs: move it, or choose another folder", path)
	case bytes.Equal(have, p.Body), check && bytes.Equal(lasting(have), lasting(p.Body)):
		return Same, nil
	case check:
		return Stale, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return Written, replace(path, p.Body)
}

// replace writes a file in one step, so that nobody reads half a page.
func replace(path string, body []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".page-*")
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// lasting is a page without what says how fresh it is.
func lasting(body []byte) []byte {
	before, rest, found := bytes.Cut(body, []byte(freshBegin))
	if !found {
		return body
	}
	_, after, _ := bytes.Cut(rest, []byte(freshEnd))
	return slices.Concat(before, after)
}

func read(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxPage))
}

// ours are the pages that are in a folder: those with the mark, where pages are.
func ours(dir string) (all []string, err error) {
	for _, k := range kinds {
		entries, err := os.ReadDir(filepath.Join(dir, k.kind))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".md") {
				continue
			}
			body, err := read(filepath.Join(dir, k.kind, e.Name()))
			if err != nil {
				return nil, err
			}
			if bytes.HasPrefix(body, []byte(mark)) {
				all = append(all, k.kind+"/"+e.Name())
			}
		}
	}
	return all, nil
}
