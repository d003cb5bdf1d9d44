package grpcinterop

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/decoders"
	assentgrpc "github.com/assent-iom/assent/decoders/grpc"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
	"github.com/assent-iom/assent/proxy/gate"
)

const host = "interop.governed.test"

// book is a ledger in memory.
type book struct {
	mu      sync.Mutex
	entries []ledger.Entry
}

func (b *book) Append(_ context.Context, e ledger.Entry) (ledger.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, e)
	return ledger.Receipt{}, nil
}

func (b *book) count(kind ledger.Kind, words ...string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		has := e.Kind == kind
		for _, w := range words {
			has = has && strings.Contains(string(e.Statement), w)
		}
		if has {
			n++
		}
	}
	return n
}

type always policy.Verdict

func (v always) Decide(_ context.Context, a model.Action, _ model.Snapshot, m policy.Mode, at time.Time, id string, _ ...policy.Approval) policy.Decision {
	d := policy.Decision{ID: id, Mode: m, At: at, Action: a, Verdict: policy.Verdict(v)}
	if d.Verdict != policy.Allow {
		d.Findings = []policy.Finding{{Code: "AS2001", Title: "not declared", Why: "w", Repair: "r", Verdict: d.Verdict}}
	}
	return d
}

type anybody struct{}

func (anybody) Authenticate(string) (model.Actor, string, bool) {
	return model.Actor{ID: "tester"}, "", true
}

// through opens a gRPC connection to grpc-go's own interop server, through the
// proxy and the gate.
func through(t *testing.T, verdict policy.Verdict) (*grpc.ClientConn, *book) {
	t.Helper()
	authority := func() *certs.Authority {
		a, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ours, theirs := authority(), authority()
	leaf, err := theirs.Leaf(host)
	if err != nil {
		t.Fatal(err)
	}
	upstream := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(leaf)))
	testgrpc.RegisterTestServiceServer(upstream, interop.NewTestServer())
	ul := listen(t)
	go func() { _ = upstream.Serve(ul) }()
	t.Cleanup(upstream.Stop)

	registry, err := decoders.NewRegistry([]decoders.Decoder{assentgrpc.Decoder{}}, []decoders.Binding{{Host: host, Platform: assentgrpc.Name}})
	if err != nil {
		t.Fatal(err)
	}
	entries := &book{}
	g, err := gate.New(gate.Config{
		Decider: always(verdict), Ledger: entries, Mode: policy.Enforce, Snapshot: func() model.Snapshot { return nil },
		Message: func(policy.Decision) string { return "assent refused this: 100 % déclaré" }, Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(theirs.Certificate())
	srv, err := proxy.New(proxy.Config{
		Authority: ours, Registry: registry, Gate: g, Authenticator: anybody{}, Now: time.Now, Roots: roots,
		AllowLoopback: func(string) bool { return true },
		LookupNetIP: func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	pl := listen(t)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(pl) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})

	trusted := x509.NewCertPool()
	trusted.AddCert(ours.Certificate())
	_, port, _ := net.SplitHostPort(ul.Addr().String())
	target := net.JoinHostPort(host, port)
	conn, err := grpc.NewClient("passthrough:///"+target, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: trusted})),
		grpc.WithContextDialer(connect(pl.Addr().String())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, entries
}

// connect dials through the proxy. grpc-go does so by itself with HTTPS_PROXY, but
// reads it once in a process.
func connect(proxyAddr string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, target string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", proxyAddr)
		if err != nil {
			return nil, err
		}
		req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
		if err := req.Write(c); err != nil {
			return nil, err
		}
		head := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
		if _, err := c.Read(head); err != nil {
			return nil, err
		}
		return c, nil
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The cases of grpc/doc/interop-test-descriptions.md that need no cloud. They end
// the process when they fail (grpclog.Fatal), which is a failure here too.
func TestGRPCInteropCasesPass(t *testing.T) {
	conn, entries := through(t, policy.Allow)
	client := testgrpc.NewTestServiceClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cases := []struct {
		name string
		run  func()
	}{
		{"empty_unary", func() { interop.DoEmptyUnaryCall(ctx, client) }},
		{"large_unary", func() { interop.DoLargeUnaryCall(ctx, client) }},
		{"client_streaming", func() { interop.DoClientStreaming(ctx, client) }},
		{"server_streaming", func() { interop.DoServerStreaming(ctx, client) }},
		{"ping_pong", func() { interop.DoPingPong(ctx, client) }},
		{"empty_stream", func() { interop.DoEmptyStream(ctx, client) }},
		{"timeout_on_sleeping_server", func() { interop.DoTimeoutOnSleepingServer(ctx, client) }},
		{"cancel_after_begin", func() { interop.DoCancelAfterBegin(ctx, client) }},
		{"cancel_after_first_response", func() { interop.DoCancelAfterFirstResponse(ctx, client) }},
		{"custom_metadata", func() { interop.DoCustomMetadata(ctx, client) }},
		{"status_code_and_message", func() { interop.DoStatusCodeAndMessage(ctx, client) }},
		{"special_status_message", func() { interop.DoSpecialStatusMessage(ctx, client) }},
		{"unimplemented_method", func() { interop.DoUnimplementedMethod(ctx, conn) }},
		{"unimplemented_service", func() { interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(conn)) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(*testing.T) { c.run() })
	}
	if n := entries.count(ledger.KindDecision, `"operation":"UnaryCall"`, `"verb":"unknown"`); n == 0 {
		t.Error("no decision names the method")
	}
	if n := entries.count(ledger.KindOutcome, "grpc-status 12 UNIMPLEMENTED"); n != 2 {
		t.Errorf("%d outcomes say what the trailers said", n)
	}
	if entries.count(ledger.KindDecision) < len(cases) {
		t.Errorf("%d decisions on %d cases", entries.count(ledger.KindDecision), len(cases))
	}
}

// Law 9: a refusal is an answer, in gRPC's own status, also where the call is a
// stream that would go on for ever.
func TestLaw9GRPCIsRefusedInItsOwnStatus(t *testing.T) {
	conn, entries := through(t, policy.Deny)
	client := testgrpc.NewTestServiceClient(conn)
	check := func(name string, err error) {
		t.Helper()
		if s := status.Convert(err); s.Code() != codes.PermissionDenied || s.Message() != "AssentDenied: assent refused this: 100 % déclaré" {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := client.UnaryCall(ctx, &testgrpc.SimpleRequest{})
	check("unary", err)
	stream, err := client.FullDuplexCall(ctx)
	if err == nil {
		_ = stream.Send(&testgrpc.StreamingOutputCallRequest{}) // it may be refused already
		_, err = stream.Recv()
	}
	check("both ways", err)
	if n := entries.count(ledger.KindDecision); n != 2 {
		t.Errorf("%d decisions on 2 calls: a refusal was tried again", n)
	}
}
