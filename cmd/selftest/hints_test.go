package main

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func hintOf(err error) string {
	var hinted *trouble
	if errors.As(err, &hinted) {
		return hinted.lookAt
	}
	return ""
}

func TestAnErrorOfTheAPIServerSaysWhatToLookAt(t *testing.T) {
	sagas := schema.GroupResource{Group: "sagas.dev", Resource: "sagas"}
	for name, test := range map[string]struct {
		err  error
		want string // empty: passing, so nothing
	}{
		"resources that are not installed":  {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "sagas.dev", Kind: "Saga"}}, "kubectl get crd"},
		"a permission that is missing":      {apierrors.NewForbidden(sagas, "a", errors.New("no")), "abort on sagas"},
		"a name that somebody else has":     {apierrors.NewAlreadyExists(sagas, "a"), "who made it"},
		"a namespace that is missing":       {apierrors.NewNotFound(sagas, "a"), "whether the namespace exists"},
		"an API server that is away":        {apierrors.NewServiceUnavailable("soon"), ""},
		"an API server that wants patience": {apierrors.NewTooManyRequests("later", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := explain(test.err)
			if hint := hintOf(err); !strings.Contains(hint, test.want) || (hint == "") != (test.want == "") {
				t.Errorf("hint %q, want %q", hint, test.want)
			}
			if !errors.Is(err, test.err) || lasting(err) != (test.want != "") {
				t.Errorf("lasting: %v, error %v", lasting(err), err)
			}
		})
	}
}

func TestHowFarASagaCameSaysWhatToLookAt(t *testing.T) {
	accepted := []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted}}
	trial := trials("shop", "run")[0]
	for name, test := range map[string]struct {
		conditions []metav1.Condition
		heard      int
		want       string
	}{
		"nobody looked at it":             {nil, 0, "whether the manager runs"},
		"its command never came":          {accepted, 0, "commands reach topic"},
		"its answer was never taken":      {accepted, 1, "topic of replies"},
		"it came only half of the way":    {accepted, 2, "topic of replies"},
		"it waits for something, unheard": {[]metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonParticipantNotFound}}, 0, "whether the manager runs"},
	} {
		t.Run(name, func(t *testing.T) {
			unheard := &session{echo: &echo{heard: map[string]map[string]int{trial.ref(): {commandDo: test.heard}}}}
			seen := v1alpha1.Saga{Status: v1alpha1.SagaStatus{Conditions: test.conditions}}
			err := unheard.sagaTrouble(errors.New("time is over"), trial, seen)
			if hint := hintOf(err); !strings.Contains(hint, test.want) {
				t.Errorf("hint %q, want %q", hint, test.want)
			}
		})
	}
}

func TestATopicThatIsNotPermittedIsNotWaitedFor(t *testing.T) {
	err := hopelessly("participant x", []metav1.Condition{{Type: "Accepted", Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonTopicNotPermitted, Message: "topic a.b is not permitted"}})
	if !lasting(err) || !strings.Contains(hintOf(err), "topic policy") || !strings.Contains(err.Error(), "topic a.b is not permitted") {
		t.Errorf("error %v, hint %q", err, hintOf(err))
	}
}
