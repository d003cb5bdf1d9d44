package cli

import (
	"context"
	"io"
)

// waiting waits for what a person or another program has to give, until ctx ends: an
// interrupt is an answer too. Who still waits then ends with the program.
func waiting[T any](ctx context.Context, give func() (T, error)) (T, error) {
	type given struct {
		what T
		err  error
	}
	got := make(chan given, 1)
	go func() {
		what, err := give()
		got <- given{what, err}
	}()
	select {
	case g := <-got:
		return g.what, g.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// input is stdin, for as long as ctx is not ended.
func (a *App) input(ctx context.Context) io.Reader { return patient{ctx, a.Stdin} }

type patient struct {
	ctx  context.Context
	from io.Reader
}

func (p patient) Read(into []byte) (int, error) {
	data, err := waiting(p.ctx, func() ([]byte, error) {
		own := make([]byte, len(into)) // a read that comes too late writes nowhere
		n, err := p.from.Read(own)
		return own[:n], err
	})
	return copy(into, data), err
}
