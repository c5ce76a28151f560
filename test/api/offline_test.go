package api

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/admission"
)

var unknownField = regexp.MustCompile(`strict decoding error: unknown field "(.*)"$`)

// What TestRules holds the API server to, kubectl saga lint is held to without one.
func TestWhatIsJudgedOfflineIsWhatTheAPIServerSays(t *testing.T) {
	rules, err := admission.New()
	if err != nil {
		t.Fatal(err)
	}
	for table, attempts := range tables {
		for name, a := range attempts {
			if a.stored {
				continue // a change of what exists is not judged offline
			}
			t.Run(table+"/"+name, func(t *testing.T) {
				object := load(t, a.example)
				for _, change := range a.edits {
					change(object)
				}
				raw, err := json.Marshal(object.Object)
				if err != nil {
					t.Fatal(err)
				}
				_, refusals := rules.Admit(t.Context(), raw)
				var got []string
				for _, r := range refusals {
					got = append(got, r.Field+": "+r.Message)
				}
				slices.Sort(got)
				if diff := cmp.Diff(offline(a.want), got); diff != "" {
					t.Errorf("refused because (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// offline is what of a refusal can be said without an API server: where it names an unknown field only, that.
func offline(want []string) []string {
	want = slices.Clone(want)
	for i, text := range want {
		want[i] = strings.TrimPrefix(text, "<nil>") // the whole object
		if match := unknownField.FindStringSubmatch(text); match != nil {
			want[i] = fmt.Sprintf("%s: unknown field %q", match[1], match[1])
		}
	}
	return want
}
