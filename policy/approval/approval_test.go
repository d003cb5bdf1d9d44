package approval

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// person makes a key from a seed, and the set that declares it as NAME's.
func person(t testing.TB, name string) (ssh.Signer, *intent.Set) {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return signer, &intent.Set{Actors: []*intent.Actor{{Name: name, Kind: "human", Identify: []intent.Identity{{SSH: line}}}}}
}

func item(scope string, people ...string) Item {
	return Item{Scope: scope, Decision: "dec_" + scope, Name: "ec2:TerminateInstances", Verb: model.Delete, Targets: []model.URN{"arn:aws:ec2:::i-" + model.URN(scope)},
		Needs: []policy.Need{{Grant: "shop/delete", From: "owner:shop", People: people, Count: 1, Within: time.Hour}}}
}

func request(items ...Item) Request {
	return Request{ID: "req_1", Run: "run_1", Actor: model.Actor{ID: "bot"}, Opened: noon, Expires: noon.Add(Waits), Items: items}
}

func ticket(t *testing.T, r Request, answer, by string) Ticket {
	t.Helper()
	made, err := r.Ticket(answer, by, "because", noon)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestATicketIsWhatItsSignerSaw(t *testing.T) {
	dana, declared := person(t, "dana")
	r := request(item("a", "dana"), item("b", "dana"))
	signed, err := Sign(ticket(t, r, Yes, "dana"), dana)
	if err != nil {
		t.Fatal(err)
	}
	got, by, err := Open(signed, declared)
	if err != nil || by.Name != "dana" || len(got.Actions) != 2 || !got.Expires.Equal(noon.Add(time.Hour)) {
		t.Fatalf("%+v by %v: %v", got, by, err)
	}
	if a, ok := signed.For(got, "b"); !ok || a.Scope != "b" || a.By != "dana" || a.ID != signed.ID() {
		t.Errorf("%+v %v", a, ok)
	}
	if _, ok := signed.For(got, "c"); ok {
		t.Error("it is good for what was never asked")
	}
	mallory, theirs := person(t, "mallory")
	forged, err := Sign(ticket(t, r, Yes, "dana"), mallory)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := strings.Replace(string(signed.Ticket), `"a"`, `"z"`, 1)
	for name, c := range map[string]struct {
		s   Signed
		set *intent.Set
	}{
		"another's key":             {forged, declared},
		"another's key, declared":   {forged, theirs},
		"a key not declared":        {signed, theirs},
		"nothing declared":          {signed, nil},
		"a changed action":          {Signed{[]byte(elsewhere), signed.Signature}, declared},
		"another's signature":       {Signed{signed.Ticket, forged.Signature}, declared},
		"no signature":              {Signed{signed.Ticket, ""}, declared},
		"something after its end":   {Signed{append([]byte(nil), append(signed.Ticket, ' ')...), signed.Signature}, declared},
		"an unknown field":          {Signed{[]byte(strings.Replace(string(signed.Ticket), "{", `{"x":1,`, 1)), signed.Signature}, declared},
		"signed for something else": {otherNamespace(t, signed, dana), declared},
	} {
		if _, _, err := Open(c.s, c.set); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// otherNamespace signs the same bytes for something else, as a commit would be.
func otherNamespace(t *testing.T, s Signed, with ssh.Signer) Signed {
	t.Helper()
	sig, err := sshsig.Sign(bytes.NewReader(s.Ticket), with, sshsig.HashSHA512, "git")
	if err != nil {
		t.Fatal(err)
	}
	return Signed{s.Ticket, string(sshsig.Armor(sig))}
}

// The signature is OpenSSH's own: whoever has ssh-keygen can check who said yes.
func TestSSHKeygenVerifiesATicket(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("NOT RUN: ssh-keygen is not installed; in CI nothing may be skipped")
		}
		t.Skip("NOT RUN: ssh-keygen is not installed")
	}
	dana, declared := person(t, "dana")
	signed, err := Sign(ticket(t, request(item("a", "dana")), Yes, "dana"), dana)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"signers": "dana " + declared.Actors[0].Identify[0].SSH + "\n", "sig": signed.Signature} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(ticket string) error {
		cmd := exec.Command(keygen, "-Y", "verify", "-f", filepath.Join(dir, "signers"), "-I", "dana", "-n", Namespace, "-s", filepath.Join(dir, "sig"))
		cmd.Stdin = strings.NewReader(ticket)
		return cmd.Run()
	}
	if err := check(string(signed.Ticket)); err != nil {
		t.Errorf("ssh-keygen does not accept it: %v", err)
	}
	if check(string(signed.Ticket)+" ") == nil {
		t.Error("ssh-keygen accepts something else")
	}
}

func TestARequestThatHasGrownIsLookedAtAgain(t *testing.T) {
	r := request(item("a", "dana"))
	seen := ticket(t, r, Yes, "dana")
	r.Items = append(r.Items, item("b", "dana"))
	if err := r.Accepts(seen, noon); err == nil || !strings.Contains(err.Error(), "has grown") {
		t.Errorf("%v", err)
	}
	more := ticket(t, r, Yes, "dana")
	r.Items = r.Items[:1]
	if r.Accepts(more, noon) == nil {
		t.Error("an answer to more than was asked is taken")
	}
	if _, err := r.Ticket(Yes, "bot", "", noon); err == nil {
		t.Error("somebody answers who is not asked")
	}
}

func TestStates(t *testing.T) {
	yes := Answer{By: "dana", Answer: Yes, At: noon, Until: noon.Add(time.Hour)}
	no := Answer{By: "ines", Answer: No, At: noon, Until: noon.Add(time.Hour)}
	used := item("a", "dana")
	used.Used = "dec_9"
	for name, c := range map[string]struct {
		r    Request
		at   time.Time
		want State
	}{
		"asked":               {request(item("a")), noon, Pending},
		"never answered":      {request(item("a")), noon.Add(Waits), Expired},
		"approved":            {answered(request(item("a")), yes), noon, Approved},
		"approved, too late":  {answered(request(item("a")), yes), noon.Add(time.Hour), Expired},
		"approved and denied": {answered(request(item("a")), yes, no), noon, Denied},
		"used":                {answered(request(used), yes), noon, Used},
		"one of two used":     {answered(request(used, item("b")), yes), noon, Approved},
		"used, and long ago":  {answered(request(used), yes), noon.Add(Waits), Used},
	} {
		if got := c.r.State(c.at); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func answered(r Request, answers ...Answer) Request {
	r.Answers = answers
	return r
}

func FuzzRead(f *testing.F) {
	dana, _ := person(f, "dana")
	signed, err := Sign(Ticket{Request: "req_1", Answer: Yes, By: "dana", At: noon, Expires: noon.Add(1), Actions: []Act{{Scope: "a", What: "b"}}}, dana)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed.Ticket)
	f.Add([]byte(`{"type":"https://assent.dev/approval/v0.1","type":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Read(data)
		if err == nil && (got.Type != TicketType || len(got.Actions) == 0 || !got.Expires.After(got.At)) {
			t.Errorf("read %+v", got)
		}
	})
}

// What is signed to break the glass, or of a review, is read as it was signed, and no
// other way; a key that is not declared signs nothing.
func TestGlassAndItsReviewAreWhatTheirSignersSaw(t *testing.T) {
	dana, declared := person(t, "dana")
	eve, _ := person(t, "eve")
	g := Glass{Environment: "prod", Actor: "dana", By: "dana", At: noon, Expires: noon.Add(time.Hour), Reason: "INC-1"}
	signed, err := SignGlass(g, dana)
	if err != nil {
		t.Fatal(err)
	}
	o, err := OpenGlass(signed, declared)
	if err != nil || o != (policy.Override{ID: signed.ID(), Environment: "prod", Actor: "dana", By: "dana", At: noon, Expires: noon.Add(time.Hour), Reason: "INC-1"}) {
		t.Errorf("%+v %v", o, err)
	}
	ines, more := person(t, "ines")
	declared.Actors = append(declared.Actors, more.Actors...)
	r := Review{Override: o.ID, By: "ines", At: noon, Finding: Justified}
	reviewed, err := SignReview(r, ines)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenReview(reviewed, o, declared); err != nil || got.Finding != Justified || got.Override != o.ID {
		t.Errorf("%+v %v", got, err)
	}
	forged, err := SignGlass(g, eve)
	if err != nil {
		t.Fatal(err)
	}
	longer := Signed{bytes.Replace(signed.Ticket, []byte("13:00"), []byte("23:00"), 1), signed.Signature}
	for name, s := range map[string]Signed{"by another key": forged, "changed": longer, "a review as glass": reviewed, "cut": {signed.Ticket[:len(signed.Ticket)-1], signed.Signature}} {
		if o, err := OpenGlass(s, declared); err == nil {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if _, err := OpenReview(Signed{reviewed.Ticket, signed.Signature}, o, declared); err == nil {
		t.Error("a review with another signature")
	}
	for name, bad := range map[string]Glass{
		"no reason": {Environment: "prod", Actor: "dana", By: "dana", At: noon, Expires: noon.Add(time.Hour)},
		"no time":   {Environment: "prod", Actor: "dana", By: "dana", At: noon, Expires: noon, Reason: "x"},
		"nowhere":   {Actor: "dana", By: "dana", At: noon, Expires: noon.Add(time.Hour), Reason: "x"},
	} {
		if _, err := SignGlass(bad, dana); err == nil {
			t.Errorf("%s is signed", name)
		}
	}
	if _, err := SignReview(Review{Override: "x", By: "dana", At: noon, Finding: "fine"}, dana); err == nil {
		t.Error("a review that finds something else is signed")
	}
}

func FuzzReadGlass(f *testing.F) {
	dana, _ := person(f, "dana")
	signed, err := SignGlass(Glass{Environment: "prod", Actor: "dana", By: "dana", At: noon, Expires: noon.Add(time.Hour), Reason: "INC-1"}, dana)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed.Ticket)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ReadGlass(data)
		if err == nil && (g.Reason == "" || !g.Expires.After(g.At)) {
			t.Errorf("%+v", g)
		}
	})
}
