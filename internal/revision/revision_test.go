package revision

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func spec(input string) v1alpha1.SagaDefinitionSpec {
	return v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{{
		Name: "reserve", Participant: "inventory",
		Action: &v1alpha1.Action{Command: "reserve", Input: &runtime.RawExtension{Raw: []byte(input)}},
	}}}
}

func name(t *testing.T, definition string, s v1alpha1.SagaDefinitionSpec, collisions int) string {
	t.Helper()
	got, err := Name(definition, s, collisions)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheNameFollowsFromWhatTheDefinitionSays(t *testing.T) {
	first := name(t, "order", spec(`{"a":1,"b":2}`), 0)
	if !regexp.MustCompile(`^order-[a-z0-9]{10}$`).MatchString(first) {
		t.Errorf("name %q", first)
	}
	for what, test := range map[string]struct {
		other string
		same  bool
	}{
		"the same, written otherwise":   {name(t, "order", spec("{ \"b\": 2,\n\"a\": 1 }"), 0), true},
		"another value":                 {name(t, "order", spec(`{"a":1,"b":3}`), 0), false},
		"a string instead of a number":  {name(t, "order", spec(`{"a":"1","b":2}`), 0), false},
		"another definition's":          {name(t, "orde", spec(`{"a":1,"b":2}`), 0), false},
		"the next after a collision":    {name(t, "order", spec(`{"a":1,"b":2}`), 1), false},
		"digits that a float would eat": {name(t, "order", spec(`{"a":1,"b":2.0000000000000000001}`), 0), false},
	} {
		if same := test.other == first; same != test.same {
			t.Errorf("%s: %q and %q; want the same: %t", what, first, test.other, test.same)
		}
	}
}

func TestALongNameIsCutWhereAnotherPartBegins(t *testing.T) {
	long := strings.Repeat("a", 241) + "." + strings.Repeat("b", 11) // 253, as long as names get
	got := name(t, long, spec("{}"), 0)
	if problems := validation.IsDNS1123Subdomain(got); len(problems) > 0 || len(got) > 253 {
		t.Errorf("%q (%d): %v", got, len(got), problems)
	}
	if other := name(t, long[:252]+"c", spec("{}"), 0); other == got {
		t.Error("two long names have the same revision")
	}
	if label := Label(long); len(validation.IsValidLabelValue(label)) > 0 || label == Label(long[:252]+"c") {
		t.Errorf("label %q", label)
	}
	if Label("order") != "order" {
		t.Errorf("label %q of a short name", Label("order"))
	}
}

func TestARevisionHoldsItsDefinition(t *testing.T) {
	def := &v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "order", UID: "u-1"}, Spec: spec(`{"a":1}`)}
	rev, err := New(def, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	if rev.Name != name(t, "order", def.Spec, 0) || rev.Namespace != "shop" || rev.Revision != 7 || !metav1.IsControlledBy(rev, def) ||
		len(rev.Finalizers) != 1 || rev.Finalizers[0] != v1alpha1.FinalizerInUse || rev.OwnerReferences[0].BlockOwnerDeletion != nil {
		t.Errorf("got %+v", rev.ObjectMeta)
	}
	got, err := Spec(rev)
	if err != nil || string(got.Steps[0].Action.Input.Raw) != `{"a":1}` || !Same(rev, def.Spec) || Same(rev, spec(`{"a":2}`)) {
		t.Errorf("spec %+v, error %v", got, err)
	}
}

func TestWhatHoldsNoDefinitionIsAnError(t *testing.T) {
	for what, data := range map[string]string{"nothing": "", "another controller's data": `{"spec":{"template":{}}}`, "no JSON": "{"} {
		rev := &appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: []byte(data)}}
		if _, err := Spec(rev); !errors.Is(err, ErrUnreadable) || Same(rev, spec("{}")) {
			t.Errorf("%s: error %v; want %v", what, err, ErrUnreadable)
		}
	}
}

func TestARevisionKeepsAListThatIsEmpty(t *testing.T) {
	def := spec(`{}`)
	def.Steps[0].Action.Output = []string{}
	if name(t, "order", def, 0) == name(t, "order", spec(`{}`), 0) {
		t.Error("to keep no output is the same revision as to keep all")
	}
	raw, err := canonical(def)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Spec(&appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: raw}})
	if err != nil || back.Steps[0].Action.Output == nil {
		t.Errorf("the list came back as %#v, %v", back.Steps[0].Action.Output, err)
	}
}
