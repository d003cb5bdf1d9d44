package main

import (
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	serving "k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// What the kubelet streams with, from Kubernetes 1.37 on.
type (
	podUID       = string
	terminalSize = serving.TerminalSize
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
