package model

import "time"

// Behind says that others change the model too, and until when what they did is in a
// snapshot: the database that they share with this process has not been heard since.
type Behind struct {
	Since time.Time `json:"since,omitzero"` // zero: it never had all of it
	// Until is when it becomes too old to judge by what would be destroyed.
	Until time.Time `json:"until,omitzero"`
}

// Dated is a snapshot that is behind.
type Dated struct {
	Snapshot
	Behind Behind
}
