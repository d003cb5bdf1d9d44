package inbox

import (
	"crypto/ed25519"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy/approval"
)

// A review is by somebody who had no part in it, under no name, however it came into the
// inbox; and what is no review keeps nobody from reviewing.
func TestAReviewIsBySomebodyWhoHadNoPart(t *testing.T) {
	set := &intent.Set{}
	keys := map[string]ssh.Signer{}
	for i, who := range []intent.Actor{{Name: "dana", Person: "human:dana"}, {Name: "dana-at-home", Person: "human:dana"}, {Name: "olaf"}, {Name: "ines", Person: "human:ines"}} {
		signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), byte(i))))
		if err != nil {
			t.Fatal(err)
		}
		who.Kind = "human"
		who.Identify = []intent.Identity{{SSH: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))}}
		set.Actors, keys[who.Name] = append(set.Actors, &who), signer
	}
	b := open(t, filepath.Join(t.TempDir(), "inbox.db"))
	given, err := approval.SignGlass(approval.Glass{Environment: "prod", Actor: "olaf", By: "dana", At: noon, Expires: noon.Add(time.Hour), Reason: "INC-1"}, keys["dana"])
	if err != nil {
		t.Fatal(err)
	}
	due := noon.AddDate(0, 0, 1)
	if err := b.BreakGlass(t.Context(), given, set, due); err != nil {
		t.Fatal(err)
	}
	review := func(by, override string) approval.Signed {
		t.Helper()
		signed, err := approval.SignReview(approval.Review{Override: override, By: by, At: noon, Finding: approval.Justified}, keys[by])
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	only := func() Broken {
		t.Helper()
		all, err := b.AllGlass(t.Context(), set)
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v %v", all, err)
		}
		return all[0]
	}
	for name, s := range map[string]approval.Signed{
		"by who broke it":                     review("dana", given.ID()),
		"by the same person by another name":  review("dana-at-home", given.ID()),
		"by whose changes were let through":   review("olaf", given.ID()),
		"by somebody else, of something else": review("ines", "sha256:00"),
	} {
		if err := b.ReviewGlass(t.Context(), s, set); err == nil {
			t.Errorf("%s: it is taken", name)
		}
		if _, err := b.db.Exec("UPDATE glass SET review = ?, reviewed = ?", s.Ticket, s.Signature); err != nil { // by hand
			t.Fatal(err)
		}
		if got := only(); got.Review != nil || !got.Overdue(due.Add(time.Second)) {
			t.Errorf("%s: it counts: %+v", name, got.Review)
		}
	}
	if err := b.ReviewGlass(t.Context(), review("ines", given.ID()), set); err != nil {
		t.Fatal(err)
	}
	if got := only(); got.Review == nil || got.Review.By != "ines" {
		t.Errorf("%+v", got)
	}
	if err := b.ReviewGlass(t.Context(), review("ines", given.ID()), set); err == nil {
		t.Error("it is reviewed twice")
	}
}
