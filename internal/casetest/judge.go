package casetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// judge compares what came with what was expected. What never applied is wrong, too: a case that cannot fail tests nothing.
func (p *play) judge() {
	e, status := &p.k.Expect, &p.saga.Object.Status
	if end := p.saga.Phase(); end != e.End {
		p.problem("end: expected %s, it is %s%s", e.End, end, waitingFor(status.WaitingFor))
	}
	if reason, message := p.saga.Rejection(); e.Reason != "" && reason != e.Reason {
		p.problem("reason: expected %s, it is %q %s", e.Reason, reason, message)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Steps)) {
		if step := p.saga.Step(name); step == nil {
			p.problem("steps.%s: expected %s, the saga never started", name, e.Steps[name])
		} else if step.State != e.Steps[name] {
			p.problem("steps.%s: expected %s, it is %s", name, e.Steps[name], step.State)
		}
	}
	p.judgeCause()
	p.judgeOutputs()
	if took := p.ended.Sub(p.begin); e.Within != nil && took > e.Within.Duration {
		p.problem("within: expected at most %s, it took %s", e.Within.Duration, took)
	}
	if e.Commands != nil && !p.messagesFit() {
		p.problem("commands: what was sent is not what was expected (- expected, + seen)")
	}
	p.judgeUse()
}

func waitingFor(what string) string {
	if what == "" {
		return ""
	}
	return ", waiting for " + what
}

func (p *play) judgeCause() {
	want := p.k.Expect.Cause
	if want == nil {
		return
	}
	got := p.saga.State().Cause
	if got == nil {
		p.problem("cause: expected %s, the saga did not turn back", words(want.Reason, want.Step, want.Code))
		return
	}
	for _, f := range []struct{ name, want, got string }{
		{"reason", want.Reason, got.Reason}, {"step", want.Step, got.Step}, {"code", want.Code, got.Code},
	} {
		if f.want != "" && f.want != f.got {
			p.problem("cause.%s: expected %s, it is %q", f.name, f.want, f.got)
		}
	}
}

func words(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

func (p *play) judgeOutputs() {
	want := p.k.Expect.Outputs
	if want == nil {
		return
	}
	got := []byte("null")
	if outputs := p.saga.State().Outputs; outputs != nil {
		got = outputs.Raw
	}
	for _, d := range differences("outputs", want.Raw, got, true) {
		p.problem("%s", d)
	}
}

// judgeUse says which parts of the case never applied.
func (p *play) judgeUse() {
	for _, i := range p.script.Unused() {
		a := p.k.Answers[i]
		p.problem("answers[%d]: never given: no command of step %q that it fits was sent, or an earlier answer fits it too", i, a.Step)
	}
	for _, h := range p.happenings {
		if !h.done {
			p.problem("%s: its moment never came", h.field)
		}
	}
}

// fits says what is different about a message; nothing: it is the expected one.
func (m Message) fits(seen Seen) []string {
	var wrong []string
	for _, f := range []struct {
		name string
		same bool
		got  any
	}{
		{"type", m.Type == seen.Type, seen.Type},
		{"step", m.Step == "" || m.Step == seen.Step, seen.Step},
		{"compensation", m.Compensation == nil || *m.Compensation == (seen.Direction == engine.Backward), seen.Direction == engine.Backward},
		{"attempt", m.Attempt == 0 || m.Attempt == seen.Attempt, seen.Attempt},
		{"round", m.Round == 0 || m.Round == seen.Round, seen.Round},
	} {
		if !f.same {
			wrong = append(wrong, fmt.Sprintf("%s is %v", f.name, f.got))
		}
	}
	if m.Data != nil {
		wrong = append(wrong, differences("data", m.Data.Raw, seen.Data, false)...)
	}
	if m.ExactData != nil {
		wrong = append(wrong, differences("data", m.ExactData.Raw, seen.Data, true)...)
	}
	return wrong
}

// differences says, by path, where JSON got is not as wanted. Unless it is to be exact, objects may have more members.
func differences(path string, want, got []byte, exact bool) []string {
	var w, g any
	if err := json.Unmarshal(want, &w); err != nil {
		return []string{fmt.Sprintf("%s: %v", path, err)}
	}
	if err := json.Unmarshal(got, &g); err != nil {
		return []string{fmt.Sprintf("%s: %v", path, err)}
	}
	return compare(path, w, g, exact)
}

func compare(path string, want, got any, exact bool) []string {
	w, ok := want.(map[string]any)
	g, both := got.(map[string]any)
	if !ok || !both {
		return compareRest(path, want, got, exact)
	}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(w)) {
		value, there := g[name]
		if !there {
			wrong = append(wrong, fmt.Sprintf("%s.%s: expected %s, it is not there", path, name, jsonOf(w[name])))
			continue
		}
		wrong = append(wrong, compare(path+"."+name, w[name], value, exact)...)
	}
	for _, name := range slices.Sorted(maps.Keys(g)) {
		if _, known := w[name]; exact && !known {
			wrong = append(wrong, fmt.Sprintf("%s.%s: expected nothing, it is %s", path, name, jsonOf(g[name])))
		}
	}
	return wrong
}

func compareRest(path string, want, got any, exact bool) []string {
	w, ok := want.([]any)
	g, both := got.([]any)
	if !ok || !both || len(w) != len(g) {
		if reflect.DeepEqual(want, got) {
			return nil
		}
		return []string{fmt.Sprintf("%s: expected %s, it is %s", path, jsonOf(want), jsonOf(got))}
	}
	var wrong []string
	for i := range w {
		wrong = append(wrong, compare(fmt.Sprintf("%s[%d]", path, i), w[i], g[i], exact)...)
	}
	return wrong
}

func jsonOf(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(raw)
}
