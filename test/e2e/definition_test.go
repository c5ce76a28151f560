package e2e

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// definitionName is that of the tests' own definition, whose steps the services know.
const definitionName = "patient-order"

// Steps of the definition.
const (
	stepReserve = "reserve-inventory"
	stepCharge  = "charge-payment"
	stepShip    = "create-shipment"
)

// describe makes definition and participants in a namespace.
func (c *cluster) describe(t *testing.T, namespace string) {
	t.Helper()
	objects := []client.Object{patientDefinition(namespace)}
	for _, name := range services {
		objects = append(objects, &v1alpha1.SagaParticipant{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: name + ".commands"}},
		})
	}
	for _, o := range objects {
		if err := client.IgnoreAlreadyExists(c.client.Create(t.Context(), o)); err != nil {
			t.Fatal(err)
		}
	}
}

// patientDefinition waits longer for an answer than any scenario withholds one, so that each command is needed once.
func patientDefinition(namespace string) *v1alpha1.SagaDefinition {
	timeout := &metav1.Duration{Duration: 10 * time.Minute}
	action := func(command, input string) *v1alpha1.Action {
		return &v1alpha1.Action{Command: command, Timeout: timeout, Input: &runtime.RawExtension{Raw: []byte(input)}}
	}
	return &v1alpha1.SagaDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: definitionName},
		Spec: v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{{
			Name: stepReserve, Participant: "inventory",
			Action:       action("reserve", `{"orderId":"${params.orderId}","lines":"${params.lines}"}`),
			Compensation: &v1alpha1.Compensation{Command: "release", Timeout: timeout},
		}, {
			Name: stepCharge, Participant: "payment",
			Action: action("charge",
				`{"orderId":"${params.orderId}","amount":"${params.amount}","currency":"EUR","method":"${params.method}"}`),
			Compensation: &v1alpha1.Compensation{Command: "refund", Timeout: timeout},
		}, {
			Name: stepShip, Participant: "shipping", Recovery: v1alpha1.RecoveryPivot,
			Action: action("create",
				`{"orderId":"${params.orderId}","address":{"name":"A","lines":["Street 1"],"city":"B","postalCode":"1","country":"DE"}}`),
		}}},
	}
}
