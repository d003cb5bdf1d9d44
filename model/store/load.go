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

// loadResources reads every resource in URN order. One goroutine reads rows, the
// others decode them: decoding is most of a start.
func loadResources(ctx context.Context, tx *sql.Tx) ([]model.Resource, error) {
	workers := runtime.GOMAXPROCS(0)
	todo := make(chan *chunk, workers) // a reader that is ahead waits
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for c := range todo {
				c.decode()
			}
		})
	}
	var all []*chunk
	err := eachChunk(ctx, tx, func(c *chunk) {
		all = append(all, c)
		todo <- c
	})
	close(todo)
	group.Wait()
	if err != nil {
		return nil, fmt.Errorf("loading resources: %w", err)
	}
	var resources []model.Resource
	for _, c := range all {
		if c.err != nil {
			return nil, c.err
		}
		resources = append(resources, c.resources...)
	}
	return resources, nil
}

func eachChunk(ctx context.Context, tx *sql.Tx, f func(*chunk)) error {
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
			f(c)
			c = &chunk{}
		}
	}
	if len(c.urns) > 0 {
		f(c)
	}
	return rows.Err()
}
