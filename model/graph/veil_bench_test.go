package graph

import (
	"testing"

	"github.com/assent-iom/assent/model"
)

// BenchmarkVeil is what the veil costs beside taking the same things in.
func BenchmarkVeil(b *testing.B) {
	all := estate(20_000)
	b.Run("veil", func(b *testing.B) {
		v := model.NewVeil([]byte("salt"))
		b.ReportAllocs()
		for b.Loop() {
			v.Observations(all)
		}
	})
	b.Run("apply", func(b *testing.B) {
		for b.Loop() {
			New(Config{}).Apply(all)
		}
	})
}
