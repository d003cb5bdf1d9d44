package term

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

func decision(name, urn string) policy.Decision {
	return policy.Decision{ID: "dec_01J9ZQ8V3M5T7W9Y1B3D5F7H9K", Action: model.Action{Service: "ec2", Operation: name,
		Targets: []model.Target{{URN: model.URN(urn)}}}, Radius: policy.Radius{Dependents: 14, Complete: true}}
}

func TestTheWidthHolds(t *testing.T) {
	for _, d := range []policy.Decision{
		decision("RunInstances", "arn:aws:ec2:eu-west-1:1:instance/i-0abc"),
		decision(strings.Repeat("VeryLongOperation", 9), strings.Repeat("a/very/long/urn", 20)),
		decision("X", "ü/"+strings.Repeat("€", 200)), {ID: "dec_1"},
	} {
		d.Accountable.Owner = "a-team-with-a-long-name"
		line := Line(d, false)
		if n := utf8.RuneCountInString(line); n > Width {
			t.Errorf("%d columns: %s", n, line)
		}
		if !strings.HasSuffix(line, d.ID) || !strings.HasPrefix(line, "assent: deny") {
			t.Errorf("the id or the verdict is cut: %s", line)
		}
	}
}

func TestNoEscapeByteFromOutside(t *testing.T) {
	d := decision("Run\x1b[2JInstances", "arn:x/\x1b]0;evil\x07\u202e")
	if line := Line(d, false); strings.ContainsAny(line, "\x1b\x07\u202e") {
		t.Errorf("%q", line)
	}
	if line := Line(d, true); strings.Count(line, "\x1b") != 2 {
		t.Errorf("only the verdict is coloured: %q", line)
	}
}

func TestObserveSaysWhatWouldHaveBeen(t *testing.T) {
	d := policy.Decision{Mode: policy.Observe}
	d.Basis.Intent = "none"
	if got := Word(d); got != "allow" {
		t.Errorf("without intent: %s", got)
	}
	d.Basis.Intent = "sha256:1"
	if got := Word(d); got != "would deny" {
		t.Errorf("with intent: %s", got)
	}
}

func TestLinesKeepTheirOrder(t *testing.T) {
	var out bytes.Buffer
	p := NewPrinter(&out, false)
	p.Say("one %s", "a\nb")
	p.Error("two", "three")
	p.Close()
	p.Close()
	p.Say("late")
	if want := "assent: one ab\nassent: error: two\nassent: repair: three\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}
