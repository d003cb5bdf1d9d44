package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Evidence is verifiable without us: what a ledger gives out of one refused call
// checks out with openssl and with cosign, and does not once a byte is changed.
func TestEvidenceIsVerifiableWithoutUs(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	openssl, cosign := tool(t, "openssl"), tool(t, "cosign")
	w.behind(c, "intent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", shopIntent)
	if r := w.assent("run", "--as", "deploy-agent", "--", tool(t, "aws"), "s3", "mb", "s3://elsewhere"); r.code == 0 {
		t.Fatalf("not refused: %v", r)
	}
	index := w.indexOf("change-decision")
	w.must(binary, "ledger", "export", "--to", "evidence", index)
	file := func(kind string) string { return filepath.Join("evidence", index+kind) }
	action, err := os.ReadFile(filepath.Join(w.dir, file(".action.json")))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, "the action", string(action), "CreateBucket", "elsewhere")
	w.write("evidence/other.json", strings.Replace(string(action), "elsewhere", "elsewhero", 1))
	w.write("evidence/other.pae", "x")

	checks := map[string]func(action, signed string) result{
		"openssl": func(_, signed string) result {
			return w.run(openssl, "pkeyutl", "-verify", "-pubin", "-inkey", "evidence/log.pem", "-rawin", "-in", signed, "-sigfile", file(".sig"))
		},
		"cosign": func(action, _ string) result {
			return w.run(cosign, "verify-blob-attestation", "--key", "evidence/log.pem", "--bundle", file(".sigstore.json"),
				"--type", "https://assent.dev/attestation/change-decision/v0.1", "--insecure-ignore-tlog", action)
		},
	}
	for name, check := range checks {
		if r := check(file(".action.json"), file(".pae")); r.code != 0 || !strings.Contains(r.out+r.errOut, "erifi") {
			t.Errorf("%s does not accept it: %v", name, r)
		}
		if r := check("evidence/other.json", "evidence/other.pae"); r.code == 0 {
			t.Errorf("%s accepts something else: %v", name, r)
		}
	}
}

// What a pack says of how to check it is true: every command in its VERIFY.md runs,
// with tools that are not ours, and none does once the entries are changed.
func TestAPackIsVerifiableAsItSays(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	tool(t, "openssl")
	tool(t, "cosign")
	tool(t, "python3")
	w.behind(c, "")
	w.must(binary, "run", "--", tool(t, "aws"), "s3", "mb", "s3://one")
	if out, err := exec.Command("go", "build", "-o", filepath.Join(w.home, "assent-verify"), "github.com/assent-iom/assent/cmd/assent-verify").CombinedOutput(); err != nil {
		t.Fatalf("building assent-verify: %v: %s", err, out)
	}
	w.env["PATH"] = w.home + string(filepath.ListSeparator) + w.env["PATH"]
	w.must(binary, "evidence", "pack", "--from", "1h", "--to", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "--framework", "soc2", "--out", "pack")
	contains(t, "evidence verify", w.must(binary, "evidence", "verify", "pack", "--vkey", "pack/log/log.vkey").out, "ok")
	guide, err := os.ReadFile(filepath.Join(w.dir, "pack", "VERIFY.md"))
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, part := range strings.Split(string(guide), "```sh\n")[1:] {
		command, _, _ := strings.Cut(part, "\n```")
		commands = append(commands, command)
	}
	if len(commands) != 5 {
		t.Fatalf("%d commands", len(commands))
	}
	for _, command := range commands {
		if r := w.run("sh", "-c", "cd pack && "+command); r.code != 0 {
			t.Errorf("%s\n%v", command, r)
		}
	}
	path := filepath.Join(w.dir, "pack", "log", "entries.jsonl")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	w.write("pack/log/entries.jsonl", strings.Join(lines[:len(lines)-2], ""))
	for i, command := range commands[:3] {
		if r := w.run("sh", "-c", "cd pack && "+command); r.code == 0 || i == 0 && r.code != 1 {
			t.Errorf("does not see that the last entry is gone: %s\n%v", command, r)
		}
	}
	data[len(data)/2] ^= 1
	w.write("pack/log/entries.jsonl", string(data))
	for i, command := range commands[:3] {
		if r := w.run("sh", "-c", "cd pack && "+command); r.code == 0 || i == 0 && r.code != 1 {
			t.Errorf("does not see a changed entry: %s\n%v", command, r)
		}
	}
}

// indexOf returns where the newest entry of a kind is in the ledger.
func (w *world) indexOf(kind string) string {
	w.t.Helper()
	found := ""
	for line := range strings.Lines(w.must(binary, "ledger", "tail", "--all", "--json").out) {
		var entry struct {
			Index uint64 `json:"index"`
			Kind  string `json:"kind"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			w.t.Fatal(err)
		}
		if entry.Kind == kind {
			found = strconv.FormatUint(entry.Index, 10)
		}
	}
	if found == "" {
		w.t.Fatalf("no %s in the ledger", kind)
	}
	return found
}
