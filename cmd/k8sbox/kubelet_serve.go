package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	streamIdle   = 10 * time.Minute
	streamCreate = 30 * time.Second
)

// protocols leaves out v5, which this version's kubelet code cannot serve over
// SPDY.
var protocols = []string{"v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"}

// serve answers the API server, and nobody else: what it is asked for is run.
func (k *kubelet) serve(l net.Listener, dir string) error {
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(ca) {
		return errors.New("no certificate in ca.crt")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.exec)
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", k.attach)
	mux.HandleFunc("/portForward/{namespace}/{pod}", k.portForward)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.logs)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, TLSConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		NextProtos: []string{"http/1.1"}, // SPDY and WebSockets are upgrades
	}}
	return server.ServeTLS(l, filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
}

func (k *kubelet) of(w http.ResponseWriter, r *http.Request) *pod {
	p := k.find(r.PathValue("namespace"), r.PathValue("pod"))
	if p == nil {
		http.Error(w, "the pod does not run here", http.StatusNotFound)
	}
	return p
}

func (k *kubelet) exec(w http.ResponseWriter, r *http.Request) {
	p := k.of(w, r)
	if p == nil {
		return
	}
	options, err := execOptions(asOne(r))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	serveExec(w, r, p, r.PathValue("pod"), "", r.PathValue("container"), r.URL.Query()["command"], options, streamIdle, streamCreate, protocols)
}

func (k *kubelet) attach(w http.ResponseWriter, r *http.Request) {
	p := k.of(w, r)
	if p == nil {
		return
	}
	options, err := execOptions(asOne(r))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	serveAttach(w, r, p, r.PathValue("pod"), "", r.PathValue("container"), options, streamIdle, streamCreate, protocols)
}

// asOne fills the form from the query: a POST that is upgraded has no form.
func asOne(r *http.Request) *http.Request {
	out := r.Clone(r.Context())
	out.Form = r.URL.Query()
	return out
}

func (k *kubelet) portForward(w http.ResponseWriter, r *http.Request) {
	p := k.of(w, r)
	if p == nil {
		return
	}
	options, err := forwardOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	serveForward(w, r, p, r.PathValue("pod"), "", options, streamIdle, streamCreate, forwarding)
}

// logs writes what the pod said so far, and with follow what it goes on to say.
func (k *kubelet) logs(w http.ResponseWriter, r *http.Request) {
	p := k.of(w, r)
	if p == nil {
		return
	}
	follow, _ := strconv.ParseBool(r.URL.Query().Get("follow"))
	rc := http.NewResponseController(w)
	for at := 0; ; {
		said, ended := p.output.from(r.Context(), at, follow)
		if len(said) > 0 {
			if _, err := w.Write(said); err != nil {
				return
			}
			_ = rc.Flush()
			at += len(said)
		}
		if !follow || ended {
			return
		}
	}
}

// PortForward joins a stream and a port of this machine: the pod's own address.
func (p *pod) PortForward(ctx context.Context, _ string, _ podUID, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(conn, stream)
		if half, ok := conn.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	}()
	_, err = io.Copy(stream, conn)
	_ = conn.Close()
	_ = stream.Close()
	<-done
	return err
}

// AttachContainer joins the streams to the pod's process until it ends or the
// client leaves.
func (p *pod) AttachContainer(ctx context.Context, _ string, _ podUID, _ string, in io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan terminalSize) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if in != nil && p.stdin != nil {
		go func() {
			_, _ = io.Copy(p.stdin, in)
			_ = p.stdin.Close()
		}()
	}
	if out == nil {
		<-p.ended
		return nil
	}
	for at := p.output.size(); ; {
		said, ended := p.output.from(ctx, at, true)
		if _, err := out.Write(said); err != nil {
			return err
		}
		at += len(said)
		if ended {
			return nil
		}
	}
}
