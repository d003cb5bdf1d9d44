package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"

	"github.com/assent-iom/assent/model"
)

// chunkRows is how many rows are decoded together: enough that handing them over
// costs nothing, few enough that what waits stays below a few megabytes.
const chunkRows = 512

// chunk is a run of rows, and what they say once decoded.
type chunk struct {
	urns      []string
	bodies    [][]byte
	resources []model.Resource
	err       error
	done      chan struct{} // closed when it is decoded
}

func (c *chunk) decode() {
	c.resources = make([]model.Resource, len(c.bodies))
	for i, body := range c.bodies {
		if err := json.Unmarshal(body, &c.resources[i]); err != nil {
			c.err = fmt.Errorf("loading resource %s: %w: %w", c.urns[i], ErrDamaged, err)
			return
		}
	}
	c.urns, c.bodies = nil, nil
}

// eachResource calls f for every resource in URN order. One goroutine reads rows and
// others decode them, while the caller's works with what they say.
func eachResource(ctx context.Context, tx *sql.Tx, f func(*model.Resource)) error {
	workers := runtime.GOMAXPROCS(0)
	todo, order := make(chan *chunk, workers), make(chan *chunk, 4*workers) // who is ahead waits
	ctx, end := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer end()
	for range workers {
		group.Go(func() {
			for c := range todo {
				c.decode()
				close(c.done)
			}
		})
	}
	var read error // of the reader, until order is closed
	group.Go(func() {
		defer close(order)
		defer close(todo)
		read = eachChunk(ctx, tx, func(c *chunk) bool {
			c.done = make(chan struct{})
			select {
			case order <- c:
				todo <- c // somebody decodes
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
	for c := range order {
		if <-c.done; c.err != nil {
			return c.err
		}
		for i := range c.resources {
			f(&c.resources[i])
		}
		c.resources = nil
	}
	if read != nil {
		return fmt.Errorf("loading resources: %w", read)
	}
	return nil
}

// eachChunk calls f until it returns false.
func eachChunk(ctx context.Context, tx *sql.Tx, f func(*chunk) bool) error {
	rows, err := tx.QueryContext(ctx, "SELECT urn, body FROM resource ORDER BY urn")
	if err != nil {
		return err
	}
	defer rows.Close()
	c := &chunk{}
	for rows.Next() {
		var urn string
		var body []byte
		if err := rows.Scan(&urn, &body); err != nil {
			return err
		}
		c.urns, c.bodies = append(c.urns, urn), append(c.bodies, body)
		if len(c.urns) == chunkRows {
			if !f(c) {
				return ctx.Err()
			}
			c = &chunk{}
		}
	}
	if len(c.urns) > 0 {
		f(c)
	}
	return rows.Err()
}
