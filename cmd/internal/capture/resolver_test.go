package capture

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func ask(t testing.TB, r *Resolver, name string, kind dnsmessage.Type) (dnsmessage.RCode, []dnsmessage.Resource) {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
	query, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var out dnsmessage.Message
	if err := out.Unpack(r.answer(query)); err != nil {
		t.Fatal(err)
	}
	if out.ID != 7 || !out.Response || len(out.Questions) != 1 {
		t.Errorf("%s: %+v", name, out.Header)
	}
	return out.RCode, out.Answers
}

// A name has one address, an address one name, whatever the spelling.
func TestEachNameHasAnAddressOfItsOwn(t *testing.T) {
	r := NewResolver()
	given := map[netip.Addr]string{}
	for _, name := range []string{"s3.amazonaws.com.", "sts.amazonaws.com.", "S3.amazonaws.COM.", "db."} {
		code, answers := ask(t, r, name, dnsmessage.TypeA)
		if code != 0 || len(answers) != 1 {
			t.Fatalf("%s: %v %v", name, code, answers)
		}
		a := netip.AddrFrom4(answers[0].Body.(*dnsmessage.AResource).A)
		if !netip.MustParsePrefix("198.18.0.0/15").Contains(a) {
			t.Errorf("%s is at %s", name, a)
		}
		want := strings.ToLower(strings.TrimSuffix(name, "."))
		if got, ok := r.Name(a); !ok || got != want {
			t.Errorf("%s is %q", a, got)
		}
		if other, ok := given[a]; ok && other != want {
			t.Errorf("%s is %s and %s", a, other, want)
		}
		given[a] = want
	}
	if len(given) != 3 {
		t.Errorf("given: %v", given)
	}
	if _, ok := r.Name(netip.MustParseAddr("198.18.0.200")); ok {
		t.Error("an address that was not handed out has a name")
	}
}

// Nothing is asked of anybody, and nothing that could carry data is answered.
func TestWhatCouldCarryDataIsNotAnswered(t *testing.T) {
	r := NewResolver()
	for kind, want := range map[dnsmessage.Type]dnsmessage.RCode{
		dnsmessage.TypeTXT: dnsmessage.RCodeRefused, dnsmessage.TypeNS: dnsmessage.RCodeRefused, dnsmessage.TypeMX: dnsmessage.RCodeRefused,
		dnsmessage.TypeCNAME: dnsmessage.RCodeRefused, dnsmessage.TypeALL: dnsmessage.RCodeRefused, 10: dnsmessage.RCodeRefused,
		dnsmessage.TypeAAAA: dnsmessage.RCodeSuccess, typeHTTPS: dnsmessage.RCodeSuccess,
	} {
		if code, answers := ask(t, r, "data.tunnel.test.", kind); code != want || len(answers) > 0 {
			t.Errorf("%v: %v, %d answers", kind, code, len(answers))
		}
	}
	for _, name := range []string{"1.0.18.198.in-addr.arpa.", ".", "a/b.test."} {
		if code, answers := ask(t, r, name, dnsmessage.TypeA); code != dnsmessage.RCodeNameError || len(answers) > 0 {
			t.Errorf("%s: %v, %d answers", name, code, len(answers))
		}
	}
	if len(r.byName) != 0 {
		t.Errorf("handed out: %v", r.byName)
	}
}

// When every address is given, no name gets another's.
func TestNoAddressIsGivenTwice(t *testing.T) {
	r := NewResolver()
	for i := range namesKept {
		r.byName[strings.Repeat("x", 1+i%60)+"."+string(rune('a'+i%26))+netip.AddrFrom4([4]byte{0, byte(i >> 16), byte(i >> 8), byte(i)}).String()] = netip.Addr{}
	}
	if code, _ := ask(t, r, "one-more.test.", dnsmessage.TypeA); code != dnsmessage.RCodeServerFailure {
		t.Errorf("%v", code)
	}
}

func TestTheUsersOwnDaemonsAreHidden(t *testing.T) {
	env := map[string]string{"XDG_RUNTIME_DIR": "/run/user/7", "DOCKER_HOST": "unix:///srv/docker.sock", "CONTAINER_HOST": "tcp://10.0.0.1:1",
		"DBUS_SESSION_BUS_ADDRESS": "unix:path=/srv/bus,guid=1", "TMUX": "/srv/tmux,1,0"}
	all := Hidden(func(name string) string { return env[name] }, 7)
	for _, want := range []string{"/run/docker.sock", "/run/user/7/bus", "/srv/docker.sock", "/srv/bus", "/srv/tmux", "/tmp/tmux-7/default"} {
		if !slices.Contains(all, want) {
			t.Errorf("%s is not hidden", want)
		}
	}
	for _, path := range all {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, ":,") {
			t.Errorf("%q is no path", path)
		}
	}
}

// FuzzAnswer: whatever is asked, an answer is one to the question, and never a
// question itself.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01"))
	f.Add([]byte("\x00\x07\x01\x00\x00\x02\x00\x00\x00\x00\x00\x01\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, query []byte) {
		out := NewResolver().answer(query)
		if out == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(out); err != nil {
			t.Fatalf("%v: %q", err, out)
		}
		if !m.Response || m.ID != uint16(query[0])<<8|uint16(query[1]) || len(m.Answers) > 1 {
			t.Fatalf("%+v", m)
		}
	})
}
