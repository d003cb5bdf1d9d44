package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model/intent"
	modelstore "github.com/assent-iom/assent/model/store"
	"github.com/assent-iom/assent/policy"
)

const fixConfig = "fix the file; assent config --example shows every field"

func configuration(_ context.Context, p Params) Result {
	if p.Config == nil {
		return fail(fixConfig, "%v", p.ConfigErr)
	}
	for _, f := range config.Fields() {
		if from := p.Config.Origin(f); from != config.Default {
			return ok("valid; mode %s", p.Config.Mode)
		}
	}
	return ok("nothing is set: the defaults hold; mode %s", p.Config.Mode)
}

func declared(_ context.Context, p Params) Result {
	if p.Config == nil {
		return warn(fixConfig, "not looked at: the configuration is not valid")
	}
	dir := p.Config.Intent
	if dir == "" {
		if p.Config.Mode == policy.Enforce {
			return warn("assent run -- CMD…, then assent intent suggest", "nothing is declared, so enforcing refuses every change")
		}
		return ok("nothing is declared: assent observes")
	}
	set, err := intent.Load(os.DirFS(dir))
	if err == nil && p.Compile != nil {
		err = p.Compile(set)
	}
	if err != nil {
		return fail("assent intent check", "%s: %v", dir, err)
	}
	return ok("%d intents, %d environments, %d owners in %s", len(set.Intents), len(set.Environments), len(set.Owners), dir)
}

func evidence(ctx context.Context, p Params) Result {
	if p.Config == nil {
		return warn(fixConfig, "not looked at: the configuration is not valid")
	}
	dir := p.Config.Ledger
	repair := "make " + dir + " writable for this user, or set ledger: in assent.yaml"
	if _, err := os.Stat(filepath.Join(dir, "ledger.db")); errors.Is(err, fs.ErrNotExist) {
		if err := writable(nearest(dir)); err != nil {
			return fail(repair, "%s cannot be made: %v", dir, err)
		}
		return ok("none yet; it will be made in %s", dir)
	}
	if err := writable(dir); err != nil {
		return fail(repair, "without it every change is refused: %v", err)
	}
	report, err := verify.Dir(ctx, dir, verify.Options{})
	switch {
	case ctx.Err() != nil:
		return warn("assent ledger verify", "writable; too long to verify within %s", Limit)
	case err != nil:
		return fail("assent ledger verify", "%v", err)
	case report.Kind == verify.OK:
		return ok("writable; %d entries verified", report.Entries)
	case report.Kind == verify.Incomplete:
		return warn("none while a run is under way; else the next run settles them", "%d entries verified; %d decisions have no outcome yet", report.Entries, report.Open)
	}
	return fail("assent ledger verify", "%s", report.Kind)
}

func remembered(ctx context.Context, p Params) Result {
	if p.Config == nil {
		return warn(fixConfig, "not looked at: the configuration is not valid")
	}
	if p.Config.Store.URL != "" {
		return sharedModel(ctx, p)
	}
	path := p.Config.Model
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return ok("nothing is known yet; it is learnt from the first calls")
	}
	s, err := modelstore.Open(path)
	if err != nil {
		return fail("mv "+path+" "+path+".damaged; the model is learnt anew", "%v", err)
	}
	if err := s.Close(); err != nil {
		return fail("see whether the disk is full", "closing %s: %v", path, err)
	}
	return ok("readable: %s", path)
}

func private(_ context.Context, _ Params) Result {
	room, err := setup.NewRoom()
	if err != nil {
		return fail("set TMPDIR to a folder that can be written", "%v", err)
	}
	defer room.Close()
	if _, err := room.Write("probe", nil); err != nil {
		return fail("set TMPDIR to a folder that can be written", "%v", err)
	}
	return ok("can be made in %s", os.TempDir())
}

// skew is how far a file's time may be from ours: more would put entries of two
// machines in the wrong order, and break signatures of calls (AWS allows 5 min).
const skew = time.Minute

func clock(_ context.Context, p Params) Result {
	const repair = "synchronise the clock (timedatectl set-ntp true)"
	now := p.Now()
	if now.Year() < 2026 {
		return fail(repair, "the clock says %s: certificates of this run would not be valid yet", now.Format(time.DateOnly))
	}
	f, err := os.CreateTemp("", "assent-clock-")
	if err != nil {
		return warn("set TMPDIR to a folder that can be written", "not looked at: %v", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return warn(repair, "not looked at: %v", err)
	}
	if off := info.ModTime().Sub(now).Abs(); off > skew {
		return warn(repair, "the file system's clock is %s away from ours", off.Round(time.Second))
	}
	return ok("%s, the same as the file system's", now.UTC().Format(time.RFC3339))
}

// nearest returns the closest folder above path that exists.
func nearest(path string) string {
	for {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path
		}
		up := filepath.Dir(path)
		if up == path {
			return path
		}
		path = up
	}
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".assent-probe-")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}
