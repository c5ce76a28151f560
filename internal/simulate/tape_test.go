package simulate

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	schedules = flag.Int("schedules", 20000, "how many random schedules the property tests play; a twentieth of it under the race detector")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first schedule; each has the next")
	slowdown  = 1 // of the race detector
)

// progress is after how many schedules a long run says how far it is.
const progress = 50_000

// tape is where a schedule takes its choices from: a generator or, when a failure is made smaller, what was chosen before. What
// is beyond the end of a tape is 0, which is the tamest choice.
type tape struct {
	random *rand.Rand // nil: replay
	chosen []uint32
	at     int
	story  *[]string // what happens, where somebody wants to know
}

// number chooses from 0 to n-1.
func (t *tape) number(n int) int {
	if t.random != nil {
		c := t.random.Uint32N(uint32(n))
		t.chosen = append(t.chosen, c)
		return int(c)
	}
	t.at++
	if t.at > len(t.chosen) {
		return 0
	}
	return int(t.chosen[t.at-1] % uint32(n))
}

// between chooses from lo to hi.
func (t *tape) between(lo, hi int) int { return lo + t.number(hi-lo+1) }

// oneIn says yes once in n times.
func (t *tape) oneIn(n int) bool { return t.number(n) == n-1 }

func pick[T any](t *tape, from ...T) T { return from[t.number(len(from))] }

func (t *tape) tell(format string, args ...any) {
	if t.story != nil {
		*t.story = append(*t.story, fmt.Sprintf(format, args...))
	}
}

// broken is what a schedule panics with when a property does not hold.
type broken struct{ error }

func must(err error) {
	if err != nil {
		panic(broken{err})
	}
}

func fail(format string, args ...any) { must(fmt.Errorf(format, args...)) }

// property plays one schedule; it panics with broken.
type property func(*tape)

func (p property) holds(t *tape) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case broken:
			err = r.error
		default:
			buf := make([]byte, 4096)
			err = fmt.Errorf("a panic: %v\n%s", r, buf[:runtime.Stack(buf, false)])
		}
	}()
	p(t)
	return nil
}

// check plays a share of all schedules on all cores, and makes the first failure small.
func check(t *testing.T, share int, p property) {
	t.Helper()
	n := max(*schedules/share/slowdown, 1)
	start, next, failed := time.Now(), atomic.Int64{}, make(chan uint64, runtime.GOMAXPROCS(0))
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if i%progress == 0 {
					fmt.Fprintf(os.Stderr, "%d of %d schedules, %.0f per second\n", i, n, float64(i)/time.Since(start).Seconds())
				}
				seed := *firstSeed + uint64(i) - 1
				if p.holds(&tape{random: rand.New(rand.NewPCG(seed, 0))}) != nil {
					next.Store(int64(n))
					failed <- seed
				}
			}
		})
	}
	workers.Wait()
	close(failed)
	if seed, ok := <-failed; ok {
		t.Fatal(p.smallest(seed))
	}
	t.Logf("%d schedules in %s: %.0f per second", n, time.Since(start).Round(time.Millisecond), float64(n)/time.Since(start).Seconds())
}

// smallest is what is wrong with a seed, told with as few choices as are found in a few seconds.
func (p property) smallest(seed uint64) error {
	first := &tape{random: rand.New(rand.NewPCG(seed, 0))}
	err := p.holds(first)
	if err == nil {
		return errors.New("a schedule failed once and not again: something is not deterministic")
	}
	chosen := p.shrunk(first.chosen, err)
	var story []string
	err = p.holds(&tape{chosen: chosen, story: &story})
	return fmt.Errorf("seed %d: %w\n%d choices are enough:\n  %s", seed, err, len(chosen), strings.Join(story, "\n  "))
}

// shrunk leaves out and lowers choices as long as it fails for the same kind of reason.
func (p property) shrunk(chosen []uint32, why error) []uint32 {
	fails := func(c []uint32) bool {
		err := p.holds(&tape{chosen: c})
		return err != nil && kindOf(err) == kindOf(why)
	}
	end := time.Now().Add(10 * time.Second)
	for size := len(chosen); size > 0 && time.Now().Before(end); {
		smaller := false
		for at := 0; at+size <= len(chosen) && time.Now().Before(end); {
			without := slices.Delete(slices.Clone(chosen), at, at+size)
			if fails(without) {
				chosen, smaller = without, true
				continue
			}
			if tame := slices.Clone(chosen); slices.Max(tame[at:at+size]) > 0 {
				clear(tame[at : at+size])
				if fails(tame) {
					chosen, smaller = tame, true
				}
			}
			at += size
		}
		if !smaller {
			size /= 2
		}
	}
	return chosen
}

// kindOf is an error's text without what differs from schedule to schedule.
func kindOf(err error) string {
	words := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == ' ' || r == '\n' })
	return strings.Join(words[:min(len(words), 3)], " ")
}
