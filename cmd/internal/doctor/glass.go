package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy/approval/inbox"
)

// brokenGlass says whether an override waits for somebody to review it.
func brokenGlass(ctx context.Context, p Params) Result {
	if p.Config == nil {
		return warn(fixConfig, "not looked at: the configuration is not valid")
	}
	if _, err := os.Stat(p.Config.Inbox); p.Config.Intent == "" || errors.Is(err, fs.ErrNotExist) {
		return ok("none")
	}
	set, err := intent.Load(os.DirFS(p.Config.Intent))
	if err != nil {
		return warn("assent intent check", "not looked at: what is declared is not valid")
	}
	box, err := inbox.Open(p.Config.Inbox)
	if err != nil {
		return fail("make "+p.Config.Inbox+" readable for this user", "%v", err)
	}
	defer box.Close()
	all, err := box.AllGlass(ctx, set)
	if err != nil {
		return fail("move "+p.Config.Inbox+" away: open requests are then asked again", "%v", err)
	}
	const repair = "somebody who had no part in it: assent break-glass list, then assent break-glass review"
	waiting := 0
	for _, b := range all {
		switch {
		case b.Overdue(p.Now()):
			return fail(repair, "%s broke the glass of %s, and nobody has reviewed it until %s", b.By, b.Environment, b.Due.Format(time.DateOnly))
		case b.Review == nil:
			waiting++
		}
	}
	if waiting > 0 {
		return warn(repair, "%d overrides wait to be reviewed", waiting)
	}
	return ok("none waits to be reviewed")
}
