package order

import (
	"cmp"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// maxBusinessKey is the longest businessKey that a Saga takes.
const maxBusinessKey = 63

// params are what the expressions of an order's definition read.
type params struct {
	OrderID  string                  `json:"orderId"`
	Customer v1alpha1.OrderCustomer  `json:"customer"`
	Lines    []v1alpha1.OrderLine    `json:"lines"`
	Payment  v1alpha1.OrderPayment   `json:"payment"`
	Delivery *v1alpha1.OrderDelivery `json:"delivery"`
	Amount   string                  `json:"amount"`
	Currency string                  `json:"currency"`
}

// SagaOf returns the saga that fulfils the order: of the same name, controlled by the order, with the finalizer on it
// already (which saves the write that would add it) and without ttl, since it lives as long as its order.
func SagaOf(order *v1alpha1.OrderWorkflow) (*v1alpha1.Saga, error) {
	raw, err := json.Marshal(paramsOf(order))
	if err != nil {
		return nil, fmt.Errorf("encoding the params of order %q: %w", order.Name, err)
	}
	saga := &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{
			Name:      order.Name,
			Namespace: order.Namespace,
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(order, v1alpha1.GroupVersion.WithKind("OrderWorkflow")),
			},
			Finalizers: []string{v1alpha1.FinalizerSaga},
		},
		Spec: v1alpha1.SagaSpec{
			DefinitionRef:  definitionOf(order),
			Params:         &runtime.RawExtension{Raw: raw},
			IdempotencyKey: order.Spec.IdempotencyKey,
		},
	}
	if len(order.Name) <= maxBusinessKey {
		saga.Spec.BusinessKey = order.Name
	}
	return saga, nil
}

func definitionOf(order *v1alpha1.OrderWorkflow) *v1alpha1.DefinitionReference {
	if order.Spec.DefinitionRef == nil {
		return &v1alpha1.DefinitionReference{Name: v1alpha1.DefaultOrderDefinition}
	}
	return order.Spec.DefinitionRef.DeepCopy()
}

func paramsOf(order *v1alpha1.OrderWorkflow) params {
	delivery := order.Spec.Delivery.DeepCopy()
	delivery.Name = cmp.Or(delivery.Name, order.Spec.Customer.Name)
	return params{
		OrderID:  order.Name,
		Customer: order.Spec.Customer,
		Lines:    order.Spec.Lines,
		Payment:  order.Spec.Payment,
		Delivery: delivery,
		Amount:   order.Spec.Total,
		Currency: order.Spec.Currency,
	}
}
