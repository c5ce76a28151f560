package samples

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/casetest"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/manifests"
)

var update = flag.Bool("update", false, "write the transcripts in testdata instead of comparing them")

// directories of definitions, and of cases about them.
var directories = []string{"../../examples/cases", "../../config/samples"}

// stories are the cases of which a transcript is kept, by its name: <sample>-<story>.
var stories = map[string]string{
	"order-completes":   "order-fulfilment/an order is reserved, paid, shipped and announced",
	"order-is-declined": "order-fulfilment/a declined card gives back what was reserved",

	"trip-booked":           "trip-booking/flight and hotel are booked at the same time, the car after the flight",
	"trip-without-a-car":    "trip-booking/a car that is not to be had is no reason not to travel",
	"trip-without-rooms":    "trip-booking/where the hotel has no rooms, the car is given back before the flight",
	"trip-with-locked-seat": "trip-booking/a seat that somebody else is looking at is asked for again under a new key",

	"delivery-commanded":         "package-delivery/parcel and drone are scheduled at the same time, and the drone leaves when both are",
	"delivery-observed":          "package-delivery-observed/the services tell of a delivery, and the saga sends nothing but the news at its end",
	"delivery-too-heavy":         "package-delivery-observed/a parcel that is too heavy is unpacked, by the one command that is sent",
	"delivery-out-of-hearing":    "package-delivery-observed/where nothing is heard of the parcel, the drone may be in the air, and a person is asked",
	"transfer-small":             "money-transfer/a small amount needs nobody's approval",
	"transfer-approved-by-two":   "money-transfer/a large amount leaves once two people have approved it, and their time does not count",
	"transfer-approved-by-one":   "money-transfer/one of two is not enough, and after two days nothing was moved",
	"transfer-to-closed-account": "money-transfer/what cannot be credited is released",

	"subscription-paid":        "subscription-start/the old version of billing calls the payment ref",
	"subscription-wrong-money": "subscription-start/a payment of another amount, and one of another subscription, are none",
	"subscription-not-paid":    "subscription-start/a person who turns back voids the invoice, tells that the trial has ended, and revokes the access",
	"subscription-declined":    "subscription-start/a corporate plan that is declined gives no access",
}

// results runs all cases of the samples, and returns what came of them by <test>/<case>.
func results(t *testing.T) map[string]casetest.Result {
	t.Helper()
	sources, err := manifests.Sources(directories, nil)
	if err != nil {
		t.Fatal(err)
	}
	suites, err := casetest.Load(sources)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]casetest.Result{}
	for i := range suites {
		for n := range suites[i].Cases {
			r, err := suites[i].Run(n)
			if err != nil {
				t.Fatalf("%s: %v", suites[i].File, err)
			}
			all[r.Test+"/"+r.Case] = r
		}
	}
	return all
}

func TestTheCasesOfTheSamplesPass(t *testing.T) {
	tests := map[string]int{}
	for name, r := range results(t) {
		tests[r.Test]++
		if !r.Passed() {
			t.Errorf("%s: %q\n%s", name, r.Problems, strings.Join(append(r.Diff, r.Trace...), "\n"))
		}
	}
	for _, definition := range []string{
		"order-fulfilment", "trip-booking", "package-delivery", "package-delivery-observed", "money-transfer", "subscription-start",
	} {
		if tests[definition] < 5 {
			t.Errorf("%s has %d cases only", definition, tests[definition])
		}
	}
}

// TestTheStoriesOfTheSamplesGoAsTheyAreTold compares the stories with testdata; -update tells them anew.
func TestTheStoriesOfTheSamplesGoAsTheyAreTold(t *testing.T) {
	played := results(t)
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			r, ok := played[story]
			if !ok {
				t.Fatalf("there is no case %q", story)
			}
			file, told := filepath.Join("testdata", name+".txt"), transcript(r)
			if *update {
				if err := os.WriteFile(file, []byte(told), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			kept, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(kept), told); diff != "" {
				t.Errorf("the story goes otherwise (-kept +played; -update tells it anew):\n%s", diff)
			}
		})
	}
}

func TestNoTranscriptIsLeftOver(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		if _, ok := stories[strings.TrimSuffix(filepath.Base(file), ".txt")]; !ok {
			t.Errorf("%s is of no story", file)
		}
	}
}

// transcript is what happened in a case, for people: what was sent, answered, told and decided, and how all of it ended.
func transcript(r casetest.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n", r.Test, r.Case)
	for _, line := range r.Trace {
		fmt.Fprintln(&b, line)
	}
	fmt.Fprintf(&b, "\nends %s after %s\n", r.End, r.Took)
	width := 0
	for _, s := range r.Steps {
		width = max(width, len(s.Name))
	}
	for _, s := range r.Steps {
		line := fmt.Sprintf("  %-*s  %s", width, s.Name, s.State)
		if s.Output != nil {
			line += "  " + string(s.Output.Raw)
		}
		if s.Resolved != nil {
			line += fmt.Sprintf("  (%s by %s: %s)", s.Resolved.Action, s.Resolved.By, s.Resolved.Reason)
		}
		fmt.Fprintln(&b, line)
	}
	if r.Outputs != nil {
		fmt.Fprintf(&b, "  outputs %s\n", r.Outputs)
	}
	return b.String()
}

// TestWhatIsUndoneIsUndoneInReverse holds for every case that ended whole: what the saga asked for last, it undoes before what it
// had been asked for until then where the definition is a sequence.
func TestWhatIsUndoneIsUndoneInReverse(t *testing.T) {
	looked := 0
	for name, r := range results(t) {
		if graph := strings.HasPrefix(r.Test, "trip") || strings.HasPrefix(r.Test, "package"); graph {
			continue
		}
		var done, undone []string
		for _, m := range r.Sent {
			switch {
			case m.Direction == engine.Backward && !slices.Contains(undone, m.Step):
				undone = append(undone, m.Step)
			case m.Direction == engine.Forward && !slices.Contains(done, m.Step):
				done = append(done, m.Step)
			}
		}
		slices.Reverse(undone)
		done = slices.DeleteFunc(done, func(step string) bool { return !slices.Contains(undone, step) })
		if !slices.Equal(done, undone) {
			t.Errorf("%s: %v were done in this order, and undone in the reverse of %v", name, done, undone)
		}
		looked += len(undone)
	}
	if looked == 0 {
		t.Error("nothing was ever undone")
	}
}
