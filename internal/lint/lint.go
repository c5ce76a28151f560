// Package lint judges manifests without a cluster: by the API server's own rules for new objects, and by what else only conditions
// would say once the objects are there.
package lint

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sagas-dev/saga-operator/internal/admission"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// Severity says whether a finding is a mistake.
type Severity string

const (
	// Error findings are refused by the API server, or keep sagas from running.
	Error Severity = "error"
	// Warning findings may be meant.
	Warning Severity = "warning"
)

// Finding is one thing that is wrong, or may be.
type Finding struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file"`
	Line     int      `json:"line"` // from 1; the object's first line where the field has none
	Kind     string   `json:"kind,omitempty"`
	Name     string   `json:"name,omitempty"`
	Field    string   `json:"field,omitempty"` // path, such as spec.steps[0].action
	Message  string   `json:"message"`
}

// String is the finding as one line: FILE:LINE (Kind/name): field: message.
func (f Finding) String() string {
	text := fmt.Sprintf("%s:%d", f.File, f.Line)
	if f.Kind != "" {
		text += fmt.Sprintf(" (%s/%s)", f.Kind, f.Name)
	}
	text += ": "
	if f.Severity == Warning {
		text += "warning: "
	}
	if f.Field != "" {
		text += f.Field + ": "
	}
	return text + f.Message
}

// Report is all that was found.
type Report struct {
	Findings []Finding `json:"findings"`
	Objects  int       `json:"objects"` // judged
	Passed   int       `json:"passed"`  // objects of kinds that are not ours
}

// Count returns how many findings are of a severity.
func (r Report) Count(severity Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// Linter judges manifests. It is safe for concurrent use.
type Linter struct {
	rules       *admission.Rules
	expressions *expr.Compiler
}

// New returns a linter, which takes a moment.
func New() (*Linter, error) {
	rules, err := admission.New()
	if err != nil {
		return nil, err
	}
	expressions, err := expr.New()
	if err != nil {
		return nil, fmt.Errorf("making the compiler of expressions: %w", err)
	}
	return &Linter{rules: rules, expressions: expressions}, nil
}

// Lint judges sources together: what one refers to may be in another. The findings are in the order of files and lines.
func (l *Linter) Lint(ctx context.Context, sources []manifests.Source) Report {
	r := run{Linter: l, ctx: ctx, files: map[string]int{}}
	for i, source := range sources {
		r.files[source.Name] = i
		r.read(source)
	}
	r.judgeTogether()
	slices.SortStableFunc(r.report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(r.files[a.File], r.files[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
	r.report.Findings = slices.Compact(r.report.Findings)
	return r.report
}

// run is the judging of one set of sources.
type run struct {
	*Linter
	ctx     context.Context
	files   map[string]int // the place of each in the order that was asked for
	report  Report
	objects []*object
}

func (r *run) read(source manifests.Source) {
	for _, doc := range split(source) {
		objects, finding := doc.objects()
		if finding != nil {
			r.report.Findings = append(r.report.Findings, *finding)
			continue
		}
		for _, o := range objects {
			if !r.rules.Knows(o.kind()) {
				r.passOver(o)
				continue
			}
			r.report.Objects++
			r.objects = append(r.objects, o)
			r.judge(o)
		}
	}
}

// add records a finding about a field of an object.
func (r *run) add(severity Severity, o *object, field, format string, args ...any) {
	r.report.Findings = append(r.report.Findings, Finding{
		Severity: severity, File: o.file, Line: o.line(field), Kind: o.meta.Kind, Name: o.name(),
		Field: field, Message: fmt.Sprintf(format, args...),
	})
}
