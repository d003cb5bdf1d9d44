// Package reference has no code: its tests hold the readers of decoders/kube
// against the packages that the API server itself reads with. It is a module of
// its own, so that the product depends on none of them.
package reference
