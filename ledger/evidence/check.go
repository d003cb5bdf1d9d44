package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/verify"
)

// maxMade bounds a file of a pack that is read whole: population.csv of a million
// decisions is some 400 MB.
const maxMade = 1 << 30

// Check verifies a pack: log/ as verify.Part does, then every other file by making
// it again. What is not as it would be made, is missing, or is too much, is
// tampered with. opts.VKey empty: the key that is in the pack is used, which proves
// only that the pack agrees with itself.
//
// The error is not nil exactly when the report's kind is Unfinished.
func Check(ctx context.Context, dir string, opts verify.Options) (verify.Report, error) {
	report, err := check(ctx, dir, opts)
	var bad *problem
	switch {
	case errors.As(err, &bad):
		report.Add(verify.NoIndex, bad.kind, bad.what)
		return report, nil
	case err != nil && report.Kind != verify.Unfinished:
		report.Add(verify.NoIndex, verify.Unfinished, err.Error())
	}
	if err != nil {
		err = fmt.Errorf("verifying %s: %w", dir, err)
	}
	return report, err
}

// problem is an error that is a finding.
type problem struct {
	kind verify.Kind
	what string
}

func (p *problem) Error() string { return p.what }

func tampered(format string, args ...any) error {
	return &problem{verify.Tampered, fmt.Sprintf(format, args...)}
}

func check(ctx context.Context, dir string, opts verify.Options) (report verify.Report, err error) {
	names, err := plain(dir)
	if err != nil {
		return report, err
	}
	said, err := readSummary(dir)
	if err != nil {
		return report, err
	}
	vkey, err := read(dir, fileVKey)
	if err != nil {
		return report, err
	}
	pinned := opts.VKey != "" || opts.Policy != nil
	if !pinned {
		opts.VKey = string(vkey)
	}
	var named []verify.Keyed
	if said.Log.First > 0 {
		if named, err = readKeys(dir); err != nil {
			return report, err
		}
	}
	closing, err := read(dir, fileHead)
	if err != nil {
		return report, err
	}
	var opening []byte
	if said.Log.Opening > 0 {
		if opening, err = read(dir, fileOpening); err != nil {
			return report, err
		}
	}
	var grown []byte
	if said.Log.Cosigned > 0 {
		if grown, err = read(dir, fileGrown); err != nil {
			return report, err
		}
	}
	// What pack.json says is used here and made again below.
	d := newDeriver(said.Params, said.Log)
	entries := map[uint64][]byte{}
	part := verify.Part{Dir: filepath.Join(dir, "log"), First: said.Log.First, Opening: opening, Grown: grown, Keys: named, Each: d.add}
	if err := d.named(named); err != nil {
		return report, err
	}
	if report, err = part.Check(ctx, opts); err != nil {
		return report, err
	}
	report.Pinned = pinned
	if report.Kind != verify.OK && report.Kind != verify.Incomplete {
		return report, nil
	}
	if strings.TrimSpace(string(vkey)) != report.VKey {
		return report, &problem{verify.Untrusted, fileVKey + " holds another key than the log's"}
	}
	if err := agrees(report, said.Log, closing, opening, grown); err != nil {
		return report, err
	}
	if err := d.reaches(); err != nil {
		return report, err
	}
	s := source{closing: closing, opening: opening, prove: tlog.FromTiles(said.Log.Size, func(t tlog.Tile) ([]ledger.Hash, error) { return readTile(dir, t) })}
	if s.pack, err = d.finish(s.prove); err != nil {
		return report, err
	}
	if err := sampled(dir, s.pack, entries); err != nil {
		return report, err
	}
	s.entry = func(index uint64) ([]byte, error) {
		if e := entries[index]; e != nil {
			return e, nil
		}
		return nil, fmt.Errorf("entry %d is not in the pack", index)
	}
	made, err := derived(s)
	if err != nil {
		return report, err
	}
	return report, compare(dir, names, said.Log, map[string]bool{fileOpening: opening != nil, fileKeys: named != nil, fileGrown: grown != nil}, made, &report)
}

// plain returns the names of the files in a folder, and wants nothing but files: to open a
// pipe is to wait for whoever writes into it. The folder itself may be a link.
func plain(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir+"/.", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil && !e.Type().IsRegular() {
			err = tampered("%s does not belong to the pack: it is no plain file", filepath.ToSlash(rel))
		}
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	return names, err
}

func readSummary(dir string) (summary, error) {
	var said summary
	data, err := read(dir, filePack)
	if err != nil {
		return said, err
	}
	if err := ledger.CheckJSON(data); err != nil {
		return said, tampered("%s: %v", filePack, err)
	}
	if err := json.Unmarshal(data, &said); err != nil {
		return said, tampered("%s: %v", filePack, err)
	}
	if said.Format != Format {
		return said, fmt.Errorf("%s is of format %d, this program reads %d", filePack, said.Format, Format)
	}
	if err := checkParams(said.Params); err != nil {
		return said, tampered("%s: %v", filePack, err)
	}
	return said, nil
}

// agrees holds what pack.json says of the log against the log.
func agrees(r verify.Report, said Head, closing, opening, grown []byte) error {
	head, err := tlog.ReadCheckpoint(closing)
	if err != nil {
		return err
	}
	have := said
	have.Origin, have.VKey, have.Size, have.Root, have.End = head.Origin, r.VKey, head.Size, head.Root, said.First+r.Entries
	if opening != nil {
		before, err := tlog.ReadCheckpoint(opening)
		if err != nil {
			return err
		}
		have.Opening = before.Size
	}
	if grown != nil {
		g, err := tlog.ParseGrowth(bytes.NewReader(grown))
		if err != nil {
			return err
		}
		later, err := tlog.ReadCheckpoint(g.Signed)
		if err != nil {
			return err
		}
		have.Cosigned = later.Size
	}
	if have != said {
		return tampered("%s says %+v of the log, which is %+v", filePack, said, have)
	}
	return nil
}

// reaches wants the entries to reach over both edges of the period, or to those of
// the log: else some of the period could have been left out.
func (d *deriver) reaches() error {
	p, h := d.pack.Params, d.pack.Head
	switch {
	case h.First >= h.End:
		return tampered("there is no entry in it: those of the period have been left out")
	case h.First > 0 && !d.firstAt.Before(p.From):
		return tampered("the entries begin at %s, within the period: those before it may have been left out", stamp(d.firstAt))
	case h.End < h.Size && d.lastAt.Before(p.To):
		return tampered("the entries end at %s, within the period, and the log goes on: those after it may have been left out", stamp(d.lastAt))
	}
	return nil
}

// sampled reads the entries that the samples are of.
func sampled(dir string, p Pack, into map[uint64][]byte) error {
	want := map[uint64]bool{}
	for _, i := range p.Sampled {
		r := p.Records[i]
		want[r.Index] = true
		if r.OutcomeAt != nil {
			want[*r.OutcomeAt] = true
		}
		for _, a := range r.Approvals {
			if a.Entry != nil {
				want[*a.Entry] = true
			}
		}
	}
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(fileEntries)))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f) // each was read already, and is no longer than an entry
	lines.Buffer(nil, ledger.MaxEnvelope+2)
	for index := p.Head.First; lines.Scan(); index++ {
		if want[index] {
			into[index] = bytes.Clone(lines.Bytes())
		}
	}
	return lines.Err()
}

// compare holds every file of the pack against what it has to be.
func compare(dir string, names []string, log Head, some map[string]bool, made map[string][]byte, report *verify.Report) error {
	known := map[string]bool{fileHead: true, fileVKey: true, fileEntries: true, fileSums: true}
	for name, there := range some {
		if there {
			known[name] = true
		}
	}
	for t := range tlog.Tiles(log.Size) {
		if t.Level != tlog.Entries {
			known[dirLog+t.Path()] = true
		}
	}
	digests := map[string][32]byte{}
	for _, name := range names {
		want, is := made[name]
		switch {
		case !is && !known[name]:
			report.Add(verify.NoIndex, verify.Tampered, name+" does not belong to the pack")
			continue
		case name == fileSums:
			continue
		}
		have, sum, err := contents(filepath.Join(dir, filepath.FromSlash(name)), is)
		if err != nil {
			return err
		}
		digests[name] = sum
		report.Tiles++
		if is && !bytes.Equal(have, want) {
			report.Add(verify.NoIndex, verify.Tampered, name+" is not what the entries say")
		}
	}
	for _, names := range []map[string]bool{known, keys(made)} {
		for name := range names {
			if _, ok := digests[name]; !ok && name != fileSums {
				report.Add(verify.NoIndex, verify.Tampered, name+" is missing")
			}
		}
	}
	have, err := read(dir, fileSums)
	if err != nil {
		return err
	}
	if report.Kind != verify.Tampered && !bytes.Equal(have, sums(digests)) {
		report.Add(verify.NoIndex, verify.Tampered, fileSums+" is not that of the files")
	}
	return nil
}

func keys(m map[string][]byte) map[string]bool {
	out := make(map[string]bool, len(m))
	for k := range m {
		out[k] = true
	}
	return out
}

// read reads a small file of the pack; one that is missing is a finding.
func read(dir, name string) ([]byte, error) {
	data, _, err := contents(filepath.Join(dir, filepath.FromSlash(name)), true)
	if errors.Is(err, fs.ErrNotExist) {
		if _, gone := os.Stat(dir); gone != nil {
			return nil, gone
		}
		return nil, tampered("%s is missing", name)
	}
	return data, err
}

// contents reads a file, whole or only its digest.
func contents(path string, whole bool) (data []byte, sum [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, sum, err
	}
	defer f.Close()
	if !whole {
		h := sha256.New()
		_, err := io.Copy(h, f)
		return nil, [32]byte(h.Sum(nil)), err
	}
	if data, err = io.ReadAll(io.LimitReader(f, maxMade+1)); err != nil {
		return nil, sum, err
	}
	if len(data) > maxMade {
		return nil, sum, fmt.Errorf("%s has more than %d bytes", path, maxMade)
	}
	return data, digest(data), nil
}
