package participant

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestNothingUnfinishedIsCommitted finishes messages in any order and checks that the position never passes one that
// is still in hand, and ends behind the last.
func TestNothingUnfinishedIsCommitted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		offsets := rapid.SliceOfNDistinct(rapid.Int64Range(0, 100), 1, 20, rapid.ID[int64]).Draw(rt, "offsets")
		slices.Sort(offsets)
		tr := newTracker()
		for _, o := range offsets {
			tr.add(o)
		}
		left := slices.Clone(offsets)
		for _, o := range rapid.Permutation(offsets).Draw(rt, "order") {
			tr.finish(o)
			left = slices.DeleteFunc(left, func(x int64) bool { return x == o })
			if len(left) > 0 && tr.position() > left[0] {
				rt.Fatalf("position %d passes %d, which is in hand", tr.position(), left[0])
			}
		}
		if want := offsets[len(offsets)-1] + 1; tr.position() != want {
			rt.Fatalf("position %d at the end, want %d", tr.position(), want)
		}
	})
}
