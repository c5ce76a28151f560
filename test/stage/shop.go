package stage

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Shop is the namespace of the stage's orders.
const Shop = "default"

// describe makes the participants and the definition: reserve, charge, then ship as the pivot.
func (s *Stage) describe(ctx context.Context) error {
	objects := []client.Object{s.definition()}
	for _, name := range Services {
		objects = append(objects, &v1alpha1.SagaParticipant{
			ObjectMeta: metav1.ObjectMeta{Namespace: Shop, Name: name},
			Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: s.Topics + name + ".commands"}},
		})
	}
	for _, o := range objects {
		if err := s.Client.Create(ctx, o); err != nil {
			return fmt.Errorf("making %s: %w", o.GetName(), err)
		}
	}
	return nil
}

func (s *Stage) definition() *v1alpha1.SagaDefinition {
	timeout := &metav1.Duration{Duration: 10 * time.Second}
	raw := func(json string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(json)} }
	return &v1alpha1.SagaDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: Shop, Name: "order"},
		Spec: v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{{
			Name: "reserve-inventory", Participant: "inventory",
			Action: &v1alpha1.Action{Command: "reserve", Timeout: timeout,
				Input: raw(`{"orderId":"${params.orderId}","lines":"${params.lines}"}`)},
			Compensation: &v1alpha1.Compensation{Command: "release", Timeout: timeout},
		}, {
			Name: "charge-payment", Participant: "payment",
			Action: &v1alpha1.Action{Command: "charge", Timeout: timeout,
				Input: raw(`{"orderId":"${params.orderId}","amount":"${params.amount}","currency":"EUR","method":"${params.method}"}`)},
			Compensation: &v1alpha1.Compensation{Command: "refund", Timeout: timeout},
		}, {
			Name: "create-shipment", Participant: "shipping", Recovery: v1alpha1.RecoveryPivot,
			Action: &v1alpha1.Action{Command: "create", Timeout: timeout,
				Input: raw(`{"orderId":"${params.orderId}","address":{"name":"A","lines":["Street 1"],"city":"B","postalCode":"1","country":"DE"}}`)},
		}}},
	}
}

// Order returns a saga of the stage's definition; declined orders fail at the payment.
func Order(name string, declined bool) *v1alpha1.Saga {
	method := "tok_visa"
	if declined {
		method = "tok_declined"
	}
	return &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Namespace: Shop, Name: name},
		Spec: v1alpha1.SagaSpec{
			DefinitionRef: &v1alpha1.DefinitionReference{Name: "order"},
			Params: &runtime.RawExtension{Raw: fmt.Appendf(nil,
				`{"orderId":%q,"amount":"12.50","method":%q,"lines":[{"sku":"TEA-GREEN","quantity":1}]}`, name, method)},
		},
	}
}
