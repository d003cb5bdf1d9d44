package main

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
	serving "k8s.io/kubelet/pkg/cri/streaming/remotecommand"
)

// What the kubelet streams with, as far as Kubernetes 1.36.
type (
	podUID       = types.UID
	terminalSize = remotecommand.TerminalSize
)

var (
	execOptions    = serving.NewOptions
	serveExec      = serving.ServeExec
	serveAttach    = serving.ServeAttach
	forwardOptions = portforward.NewV4Options
	serveForward   = portforward.ServePortForward
	forwarding     = portforward.SupportedProtocols
)

var (
	_ serving.Executor          = (*pod)(nil)
	_ serving.Attacher          = (*pod)(nil)
	_ portforward.PortForwarder = (*pod)(nil)
)
