package main

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

const (
	clientID        = "saga-selftest"
	participantName = "saga-selftest"

	// label marks what this program made, so that a later run finds what this one could not remove.
	label      = "app.kubernetes.io/managed-by"
	labelValue = "saga-selftest"
)

// attempt is how long one command may take; two attempts fit into the shortest useful --timeout.
const attempt = 10 * time.Second

// trial is one saga and what has to come of it.
type trial struct {
	saga  *v1alpha1.Saga
	phase v1alpha1.SagaPhase
	heard map[string]int // handlers that have to have run, by command
}

func (t trial) ref() string { return t.saga.Namespace + "/" + t.saga.Name }

// trials are the two sagas of a run, whose name is part of theirs.
func trials(namespace, run string) []trial {
	return []trial{{
		saga:  saga(namespace, run+"-done", commandDo),
		phase: v1alpha1.PhaseCompleted,
		heard: map[string]int{commandDo: 2, commandUndo: 0, commandRefuse: 0},
	}, {
		saga:  saga(namespace, run+"-undone", commandRefuse),
		phase: v1alpha1.PhaseCompensated,
		heard: map[string]int{commandDo: 1, commandUndo: 1, commandRefuse: 1},
	}}
}

// saga does one thing that can be undone, and then what second says.
func saga(namespace, name, second string) *v1alpha1.Saga {
	return &v1alpha1.Saga{
		ObjectMeta: labelled(namespace, name),
		Spec: v1alpha1.SagaSpec{
			Params:         &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"run":%q}`, name)},
			DeletionPolicy: v1alpha1.DeletionOrphan, // what it does has no effect, so it may always go
			Definition: &v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{
				{Name: "first", Participant: participantName, Action: action(commandDo),
					Compensation: &v1alpha1.Compensation{Command: commandUndo, Timeout: &metav1.Duration{Duration: attempt}}},
				{Name: "second", Participant: participantName, Recovery: v1alpha1.RecoveryPivot, Action: action(second)},
			}},
		},
	}
}

func action(command string) *v1alpha1.Action {
	return &v1alpha1.Action{
		Command: command, Timeout: &metav1.Duration{Duration: attempt},
		Input: &runtime.RawExtension{Raw: []byte(`{"run":"${params.run}"}`)},
	}
}

func theParticipant(namespace, topic string) *v1alpha1.SagaParticipant {
	return &v1alpha1.SagaParticipant{
		ObjectMeta: labelled(namespace, participantName),
		Spec: v1alpha1.SagaParticipantSpec{
			Description: "The participant of the operator's own test, which removes it again",
			Topics:      v1alpha1.ParticipantTopics{Commands: topic},
		},
	}
}

func labelled(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{label: labelValue}}
}
