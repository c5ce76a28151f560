package devrun

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/local"
)

// kept is how many of the last lines a live screen shows below its table.
const kept = 12

// screen shows what happens: line by line or, live, as a table that is drawn again, with the last lines below it. It is safe for
// concurrent use.
type screen struct {
	mu    sync.Mutex
	out   io.Writer
	live  bool
	lines []string // live only: the last ones
	head  string   // live only: what was said for good
	shown string   // live only: what was drawn last
	drawn time.Time
	last  map[string]string // what was said last of each saga, and of trouble
}

func newScreen(out io.Writer, live bool) *screen {
	return &screen{out: out, live: live, last: map[string]string{}}
}

// line tells that something happened.
func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := time.Now().Format(time.TimeOnly) + "  " + fmt.Sprintf(format, args...)
	if !s.live {
		fmt.Fprintln(s.out, text)
		return
	}
	s.lines = append(s.lines, text)
	s.lines = s.lines[max(0, len(s.lines)-kept):]
}

// always tells what is worth to stay.
func (s *screen) always(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head = fmt.Sprintf(format, args...)
	fmt.Fprintln(s.out, s.head)
}

// trouble tells what is wrong, once as long as it stays the same.
func (s *screen) trouble(err error) {
	text := ""
	if err != nil {
		text = "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if s.changed("", text) && text != "" {
		s.line("%s", text)
	}
}

func (s *screen) changed(of, text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.last[of]
	s.last[of] = text
	return before != text
}

// decided tells what has become of a saga.
func (s *screen) decided(saga *local.Saga) {
	text := fmt.Sprintf("%s is %s %s%s", saga.Identity.Name, saga.Phase(), saga.Object.Status.Progress, why(saga))
	if s.changed(saga.Identity.UID, text) {
		s.line("%s", text)
	}
}

// why says what a saga waits for, or why it goes or went back.
func why(saga *local.Saga) string {
	if reason, message := saga.Rejection(); reason != "" {
		return ": " + reason + ", " + message
	}
	var words []string
	if cause := saga.State().Cause; cause != nil {
		words = append(words, strings.Join(strings.Fields(cause.Reason+" "+cause.Step+" "+cause.Code), " "))
	}
	if waiting := saga.Object.Status.WaitingFor; waiting != "" {
		words = append(words, "waiting for "+waiting)
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, ", ")
}

// show draws the table again where it has changed. On what is no terminal the lines say it all.
func (s *screen) show(sagas []*local.Saga, real map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live || time.Since(s.drawn) < redraw {
		return
	}
	text := s.head + "\n\n" + table(sagas, real) + "\n" + strings.Join(s.lines, "\n") + "\n"
	if text == s.shown {
		return
	}
	s.shown, s.drawn = text, time.Now()
	fmt.Fprint(s.out, "\x1b[H\x1b[2J"+text) // to the top left, and all clear
}

// table lists the sagas and the participants.
func table(sagas []*local.Saga, real map[string]bool) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SAGA\tPHASE\tPROGRESS\tWAITING FOR")
	for _, s := range sagas {
		st := &s.Object.Status
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Identity.Name, st.Phase, st.Progress, dash(waitsFor(s)))
	}
	_ = w.Flush() // a buffer takes everything
	names := slices.Sorted(maps.Keys(real))
	for i, name := range names {
		kind := "stub"
		if real[name] {
			kind = "real"
		}
		names[i] = name + " (" + kind + ")"
	}
	return b.String() + "\nparticipants: " + strings.Join(names, ", ") + "\n"
}

func waitsFor(s *local.Saga) string {
	if s.Phase() == v1alpha1.PhaseRejected {
		_, message := s.Rejection()
		return message
	}
	return s.Object.Status.WaitingFor
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
