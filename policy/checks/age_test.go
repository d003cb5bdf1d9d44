package checks

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// TestAModelThatIsTooOldDestroysNothing: decisions go on with the model's age shown,
// and what destroys, cuts off or replaces stops at the stated age. The same facts give
// the same words again.
func TestAModelThatIsTooOldDestroysNothing(t *testing.T) {
	p := compile(t, base+"    - {id: all, who: [bot], may: [delete, update, create, detach], in: [prod]}\n")
	at := time.Unix(1, 0).UTC() // of judge
	late, early := model.Behind{Since: at.Add(-time.Minute), Until: at.Add(-time.Second)}, model.Behind{Since: at.Add(-9 * time.Second), Until: at.Add(time.Second)}
	alone := target(volume, model.RoleTarget)
	tag := func(a *model.Action) { a.Operation, a.Verb = "CreateTags", model.Update }
	for name, c := range map[string]struct {
		behind model.Behind
		action model.Action
		code   string
		says   string
	}{
		"behind, a delete":           {early, terminate(alone), CodeBehind, "for 9s"},
		"too old, a delete":          {late, terminate(alone), CodeOld, "is to destroy"},
		"too old, a label":           {late, terminate(alone, tag), CodeBehind, "for 1m0s"},
		"never reached, a delete":    {model.Behind{}, terminate(alone), CodeOld, "never reached"},
		"never reached, a label":     {model.Behind{}, terminate(alone, tag), CodeBehind, "never reached"},
		"too old, who knows what":    {late, terminate(alone, func(a *model.Action) { a.Verb = model.Unknown }), CodeOld, "destroy"},
		"too old, a part's delete":   {late, terminate(alone, tag, func(a *model.Action) { a.Parts = []model.Action{terminate(alone)} }), CodeOld, "destroy"},
		"too old, it replaces":       {late, terminate(alone, tag, func(a *model.Action) { a.Props = []model.Property{{Name: radius.Replaces, Known: true, Value: true}} }), CodeOld, "replace"},
		"too old, what it cuts off":  {late, terminate(alone, func(a *model.Action) { a.Operation, a.Verb = "DetachVolume", model.Detach }), CodeOld, "disconnect"},
		"too old, nothing is there":  {late, terminate(alone, func(a *model.Action) { a.Operation, a.Verb = "RunInstances", model.Create }), CodeBehind, "1m0s"},
		"a dry run destroys nothing": {late, terminate(alone, func(a *model.Action) { a.DryRun = true }), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := radius.NewWitness(model.Dated{Snapshot: shop, Behind: c.behind}, false)
			d := judge(t, p, c.action, w)
			if c.code == "" {
				if len(d.Findings) != 0 {
					t.Errorf("%+v", d.Findings)
				}
				return
			}
			var found policy.Finding
			for _, f := range d.Findings {
				if f.Code == CodeOld || f.Code == CodeBehind {
					found = f
				}
			}
			if found.Code != c.code || !strings.Contains(found.Why, c.says) || (d.Verdict == policy.Deny) != (c.code == CodeOld) && c.action.Verb != model.Unknown {
				t.Errorf("%s %+v", d.Verdict, d.Findings)
			}
			again := judge(t, p, c.action, radius.NewWitness(radius.Recall(w.Facts()), false)) // as a replay does
			if codes(again) != codes(d) || again.Verdict != d.Verdict {
				t.Errorf("made again: %s %+v", again.Verdict, again.Findings)
			}
		})
	}
	for _, f := range judge(t, p, terminate(alone), radius.NewWitness(shop, false)).Findings {
		if f.Code == CodeBehind || f.Code == CodeOld {
			t.Errorf("of a model that is as new as it is: %+v", f)
		}
	}
}
