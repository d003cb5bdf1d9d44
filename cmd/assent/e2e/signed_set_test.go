package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Documents come into force only as they were signed, by whom the operator names; a set
// that was not, or was altered after, never replaces the one that runs.
func TestASetThatIsNotSignedNeverReplacesTheOneThatRuns(t *testing.T) {
	keygen := tool(t, "ssh-keygen")
	w, _ := newServiceWorld(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "<x/>") }, "")
	key := func(name string) string {
		w.must(keygen, "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", filepath.Join(w.dir, name))
		return strings.TrimSpace(w.read(name + ".pub"))
	}
	dana := key("dana")
	key("mallory")
	w.write("assent.yaml", w.read("assent.yaml")+"intent: intent\nmode: enforce\nsigners: {keys: [\""+dana+"\"]}\n")
	w.write("intent/shop.yaml", approvedIntent)
	w.write("intent/dana.yaml", "apiVersion: assent.dev/v1\nkind: Actor\nmetadata: {name: dana}\nspec: {kind: human, person: \"human:dana@shop.example\", identify: [{run: dana}], owner: platform}\n")

	if r := w.assent("serve"); r.code == 0 || !strings.Contains(r.errOut, "0 of the 1 signatures") || !strings.Contains(r.errOut, "repair: look at what has changed, and sign it: assent intent review") {
		t.Fatalf("it serves what nobody signed: %v", r)
	}
	if r := w.assent("run", "--", "true"); r.code != 125 || !strings.Contains(r.errOut, "0 of the 1 signatures") {
		t.Fatalf("it runs on what nobody signed: %v", r)
	}
	if r := w.assent("intent", "sign", "--key", "mallory", "--yes"); r.code == 0 || !strings.Contains(r.errOut, "none of your SSH keys is one of signers") {
		t.Fatalf("a stranger signed: %v", r)
	}
	if r := w.assent("intent", "sign", "--key", "dana"); r.code != 2 || !strings.Contains(r.errOut, "--yes") {
		t.Fatalf("it was signed without anybody: %v", r)
	}
	contains(t, "the first review", w.must(binary, "intent", "review", "--key", "dana", "--yes").out, "allows more", "cleanup/buckets", "signed: sha256:")

	d := startService(t, w, nil)
	logged := func(what string) func() bool {
		before := strings.Count(d.out.String(), what)
		return func() bool { return strings.Count(d.out.String(), what) > before }
	}
	good := w.read("intent/shop.yaml")
	wider := strings.Replace(good, "may: [delete]\n      what: {capability: [storage.bucket]}", "may: [delete]\n      what: {capability: [storage.bucket, secret]}", 1)
	if wider == good {
		t.Fatal("nothing was changed")
	}
	kept := logged("new intent is not in force; the old one is")
	w.write("intent/shop.yaml", wider)
	waitFor(t, "the altered set", kept)
	contains(t, "the log", d.out.String(), "0 of the 1 signatures", "it is over other documents")

	review := w.assent("intent", "review")
	if review.code != 3 {
		t.Errorf("differences that nobody signs: %v", review)
	}
	contains(t, "the review", review.out, "allows more", "cleanup/buckets", "as in:", "secret")
	taken := logged(`"new intent is in force"`)
	w.must(binary, "intent", "sign", "--key", "dana", "--yes", "--reason", "CHG-4711")
	waitFor(t, "the signed set", taken)

	// Others check the signature without us.
	files, err := filepath.Glob(filepath.Join(w.dir, "intent", ".signatures", "SHA256-*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var signed struct{ Statement, Signature string }
	if err := json.Unmarshal(data, &signed); err != nil {
		t.Fatal(err)
	}
	w.write("allowed", "dana "+dana+"\n")
	w.write("statement", signed.Statement)
	w.write("statement.sig", signed.Signature)
	contains(t, "ssh-keygen", w.must("sh", "-c", keygen+" -Y verify -f allowed -I dana -n intent@assent.dev -s statement.sig < statement").out, "Good")
	contains(t, "the statement", signed.Statement, "CHG-4711", "sha256:")
}
