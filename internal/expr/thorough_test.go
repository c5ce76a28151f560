package expr

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

func TestAThoroughCompilerTellsAllMistakesOfATemplate(t *testing.T) {
	const raw = `{"a": "${params.}", "b": ["fine", "${nobody}", {"c": "${steps.x.output}"}], "d": "${params.ok}"}`
	for name, c := range map[string]struct {
		compiler *Compiler
		want     []string
	}{
		"one that is not tells the first": {compiler(t), []string{"a"}},
		"one that is tells each":          {compiler(t).Thorough(), []string{"a", "b[1]", "b[2].c"}},
		"also with shapes":                {compiler(t).Thorough().With(Shapes{}), []string{"a", "b[1]", "b[2].c"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.compiler.Compile([]byte(raw), Scope{})
			mistakes := engine.Mistakes{err}
			errors.As(err, &mistakes)
			var got []string
			for _, mistake := range mistakes {
				var e *Error
				if !errors.As(mistake, &e) || !errors.Is(mistake, ErrCompile) {
					t.Fatalf("%v is no mistake of an expression", mistake)
				}
				got = append(got, e.Path)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAThoroughCompilerTakesWhatIsRight(t *testing.T) {
	if _, err := compiler(t).Thorough().Compile([]byte(`{"a": ["${params.x}"]}`), Scope{}); err != nil {
		t.Error(err)
	}
}
