package budget

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/policy"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, path string) *Book {
	t.Helper()
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// deletes is a decision that deletes n things, of at most max in an hour.
func deletes(id string, at time.Time, n, most int) policy.Decision {
	return policy.Decision{ID: id, At: at, Budgets: []policy.Budget{{Key: "environment/shop", Per: time.Hour, Changes: n, Deletes: n, MaxDeletes: &most}}}
}

func use(t testing.TB, b *Book, d policy.Decision, way Way) []Over {
	t.Helper()
	over, err := b.Use(t.Context(), d, way)
	if err != nil {
		t.Fatal(err)
	}
	return over
}

func TestManySmallActionsAreOneLargeOne(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "budgets.db"))
	through := 0
	for i := range 300 {
		if len(use(t, b, deletes(fmt.Sprintf("dec_%d", i), noon.Add(time.Duration(i)*time.Second), 1, 10), Spend)) == 0 {
			through++
		}
	}
	if through != 10 {
		t.Errorf("%d of 300 deletes went through a budget of 10", through)
	}
	over := use(t, b, deletes("dec_x", noon.Add(10*time.Minute), 1, 10), Look)
	if len(over) != 1 || over[0].SpentDeletes != 10 || !over[0].Frees.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", over)
	}
	if over := use(t, b, deletes("dec_y", noon.Add(time.Hour), 1, 10), Spend); len(over) != 0 {
		t.Errorf("the oldest still counts after its hour: %+v", over)
	}
	if over := use(t, b, deletes("dec_z", noon.Add(time.Hour), 1, 10), Spend); len(over) != 1 {
		t.Error("more than the oldest was given back")
	}
}

func TestWhatWasNotCarriedOutIsGivenBack(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "budgets.db"))
	use(t, b, deletes("dec_1", noon, 10, 10), Spend)
	if err := b.GiveBack(t.Context(), "dec_1"); err != nil {
		t.Fatal(err)
	}
	if over := use(t, b, deletes("dec_2", noon, 10, 10), Spend); len(over) != 0 {
		t.Errorf("%+v", over)
	}
	if over := use(t, b, deletes("dec_2", noon, 10, 10), Spend); len(over) != 0 {
		t.Errorf("a decision counts against itself: %+v", over)
	}
	if over := use(t, b, deletes("dec_3", noon, 1, 10), Count); len(over) != 1 || over[0].SpentDeletes != 10 {
		t.Errorf("%+v", over)
	}
	if over := use(t, b, deletes("dec_4", noon, 0, 10), Spend); len(over) != 0 {
		t.Errorf("what deletes nothing is refused for deletes: %+v", over)
	}
	if over := use(t, b, deletes("dec_5", noon, 1, 11), Look); len(over) != 1 || over[0].SpentDeletes != 11 {
		t.Errorf("what was observed does not count: %+v", over)
	}
}

// Two processes at once: what fits alone and not together does not go through.
func TestLookingAndCountingAreOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budgets.db")
	books := []*Book{open(t, path), open(t, path)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	through := 0
	for i := range 40 {
		wg.Go(func() {
			over, err := books[i%2].Use(context.Background(), deletes(fmt.Sprintf("dec_%d", i), noon, 1, 7), Spend)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if len(over) == 0 {
				through++
			}
		})
	}
	wg.Wait()
	if through != 7 {
		t.Errorf("%d went through a budget of 7", through)
	}
}

func TestADamagedFileIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budgets.db")
	b := open(t, path)
	if _, err := b.db.Exec("PRAGMA user_version = 9"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("%v", err)
	}
}

func BenchmarkSpend(b *testing.B) {
	book := open(b, filepath.Join(b.TempDir(), "budgets.db"))
	for i := range b.N { // a busy hour: some four hundred changes count
		use(b, book, deletes(fmt.Sprintf("dec_%d", i), noon.Add(time.Duration(i)*9*time.Second), 1, 1_000_000), Spend)
	}
}
