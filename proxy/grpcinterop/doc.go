// Package grpcinterop has no code: its tests run gRPC's own interoperability cases
// through the proxy. It is a module of its own, so that the product depends on no
// gRPC.
package grpcinterop
