package engine_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

var update = flag.Bool("update", false, "write the transcripts in testdata instead of comparing them")

// TestTranscripts plays the stories in testdata. A transcript is made of remarks (#), one definition and decisions (>), each
// followed by what came of it; the words are those of definition and event. -update writes it anew.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			told := transcribe(t, string(old))
			if *update {
				if err := os.WriteFile(file, []byte(told), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := diffOf(strings.Split(string(old), "\n"), strings.Split(told, "\n")); diff != "" {
				t.Errorf("the story goes otherwise (-update tells it anew):\n%s", diff)
			}
		})
	}
}

func transcribe(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	var s *story
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "#") || line == "":
			fmt.Fprintln(&out, line)
		case strings.HasPrefix(line, "definition "):
			fmt.Fprintln(&out, line)
			s = tell(t, strings.TrimPrefix(line, "definition "), v1alpha1.KeyUsedWait)
		case strings.HasPrefix(line, "> "):
			fmt.Fprintln(&out, line)
			s.transcribe(&out, strings.TrimPrefix(line, "> "))
		}
	}
	return out.String()
}

// transcribe plays one decision and writes what came of it: verdicts other than Applied, what is new of each step, what
// is sent, what is announced, and how the saga stands.
func (s *story) transcribe(out *strings.Builder, decision string) {
	s.t.Helper()
	before, sent := *s.state.DeepCopy(), s.asked()
	got := s.decide(decision)
	for _, v := range got {
		if v != engine.Applied {
			fmt.Fprintf(out, "  %s\n", words(got))
			break
		}
	}
	for i, st := range s.state.Steps {
		old := v1alpha1.StepStatus{Name: st.Name, State: v1alpha1.StepNotStarted}
		if i < len(before.Steps) {
			old = before.Steps[i]
		}
		if line := stepLine(st); line != stepLine(old) {
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
	for _, c := range s.pending() {
		if !strings.Contains(" "+sent+" ", " "+c.Key()+" ") {
			fmt.Fprintf(out, "  send %s\n", commandLine(c))
		}
	}
	if a, ok := engine.Announce(s.state); ok {
		fmt.Fprintf(out, "  announce %s %d\n", a.Outcome, a.Number)
	}
	st := s.status()
	fmt.Fprintf(out, "  %s %s %s, stalled %s, compensating %s\n", s.now.Format(time.TimeOnly), st.Phase, st.Progress,
		s.condition(v1alpha1.ConditionStalled), s.condition(v1alpha1.ConditionCompensating))
	if st.WaitingFor != "" {
		fmt.Fprintf(out, "  waits for %s\n", st.WaitingFor)
	}
}

func stepLine(st v1alpha1.StepStatus) string {
	line := fmt.Sprintf("%s: %s", st.Name, st.State)
	if st.Decision > 0 {
		line += fmt.Sprintf(", decision %d", st.Decision)
	}
	for _, x := range []*v1alpha1.Exchange{st.Action, st.Compensation} {
		if x != nil {
			line += strings.TrimRight(fmt.Sprintf(" [%s %d/%d %s %s", x.Outcome, x.Round, x.Attempt, x.Code, x.Message), " ") + "]"
		}
	}
	if st.Output != nil {
		line += " " + string(st.Output.Raw)
	}
	if st.Resolved != nil {
		line += fmt.Sprintf(" (%s by %s)", st.Resolved.Action, st.Resolved.By)
	}
	return line
}

func commandLine(c engine.Command) string {
	line := c.Key() + " " + c.Type
	var data struct{ Outputs json.RawMessage }
	if json.Unmarshal(c.Data, &data) == nil && string(data.Outputs) != "{}" {
		line += " knowing " + string(data.Outputs)
	}
	if !c.Expiry.IsZero() {
		line += " expires " + c.Expiry.Format(time.TimeOnly)
	}
	if c.Direction == engine.Backward {
		line += fmt.Sprintf(" undoes round %d", c.UndoesRound)
	}
	if c.Adopts {
		line += " adopts"
	}
	if c.CausedBy != "" {
		line += " because of " + c.CausedBy
	}
	return line
}
