package intent

import (
	"testing"
	"time"
)

func TestWindowsOpenAndShut(t *testing.T) {
	day := Window{Name: "day", Days: Days{"mon-fri"}, From: "08:00", To: "17:00", Zone: "Europe/Berlin"}
	night := Window{Name: "night", Days: Days{"fri", "sun"}, From: "22:00", To: "04:00"}
	cases := []struct {
		w    Window
		at   string
		open bool
		next string
	}{
		{day, "2026-11-27T07:00:00Z", true, "2026-11-30T08:00:00+01:00"}, // a Friday, 8:00 in Berlin
		{day, "2026-11-27T06:59:59Z", false, "2026-11-27T08:00:00+01:00"},
		{day, "2026-11-27T16:00:00Z", false, "2026-11-30T08:00:00+01:00"}, // 17:00 is past it
		{day, "2026-11-28T12:00:00Z", false, "2026-11-30T08:00:00+01:00"},
		{day, "2026-07-03T06:00:00Z", true, "2026-07-06T08:00:00+02:00"}, // summer time
		{night, "2026-11-28T03:59:00Z", true, "2026-11-29T22:00:00Z"},    // Friday's, on Saturday
		{night, "2026-11-28T04:00:00Z", false, "2026-11-29T22:00:00Z"},
		{night, "2026-11-28T23:00:00Z", false, "2026-11-29T22:00:00Z"},
		{Window{Days: Days{"sat-mon"}, From: "00:00", To: "24:00"}, "2026-11-30T23:59:00Z", true, "2026-12-05T00:00:00Z"},
	}
	for _, c := range cases {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.w.Open(at); got != c.open {
			t.Errorf("%s at %s: open %v", c.w, c.at, got)
		}
		if got := c.w.Next(at).Format(time.RFC3339); got != c.next {
			t.Errorf("%s at %s: next %s, want %s", c.w, c.at, got, c.next)
		}
	}
}

func TestAFreezeEndsWhenItSays(t *testing.T) {
	f := Freeze{From: "2026-11-23", To: "2026-12-01T00:00+01:00"}
	for at, want := range map[string]bool{"2026-11-22T23:59:59Z": false, "2026-11-23T00:00:00Z": true, "2026-11-30T22:59:59Z": true, "2026-11-30T23:00:00Z": false} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if f.Holds(moment) != want {
			t.Errorf("at %s it holds: %v", at, !want)
		}
	}
}
