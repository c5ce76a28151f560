package casetest

import (
	"crypto/sha256"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/order"
)

// What sagas of cases are named by where nothing else names them.
const (
	installation = "test"
	namespace    = "default"
)

// sagaOf is what the case starts. Its error names the field.
func (s *Suite) sagaOf(k *Case) (*v1alpha1.Saga, error) {
	saga, err := s.baseOf(k)
	if err != nil {
		return nil, err
	}
	saga.UID = uidOf(s.Metadata.Name, k.Name)
	if saga.Namespace == "" {
		saga.Namespace = namespace
	}
	if k.Params != nil {
		saga.Spec.Params = k.Params
	}
	for _, f := range []struct{ from, to *string }{
		{&k.BusinessKey, &saga.Spec.BusinessKey}, {&k.IdempotencyKey, &saga.Spec.IdempotencyKey},
		{(*string)(&k.OnKeyUsed), (*string)(&saga.Spec.OnKeyUsed)},
	} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	return saga, nil
}

// baseOf is the saga that the case names, or one of the definition's name.
func (s *Suite) baseOf(k *Case) (*v1alpha1.Saga, error) {
	ref := &v1alpha1.DefinitionReference{Name: s.Definition}
	switch {
	case k.Saga != "":
		for _, o := range s.Files.Sagas {
			if o.Value.Name == k.Saga {
				return o.Value.DeepCopy(), s.runs("saga", k.Saga, o.Value.Spec.DefinitionRef)
			}
		}
		return nil, fmt.Errorf("saga: Saga %q stands in none of the files", k.Saga)
	case k.Order != "":
		for _, o := range s.Files.Orders {
			if o.Value.Name == k.Order {
				return s.orderOf(o.Value)
			}
		}
		return nil, fmt.Errorf("order: OrderWorkflow %q stands in none of the files", k.Order)
	}
	return &v1alpha1.Saga{ObjectMeta: metav1.ObjectMeta{Name: s.Definition}, Spec: v1alpha1.SagaSpec{DefinitionRef: ref}}, nil
}

func (s *Suite) orderOf(o *v1alpha1.OrderWorkflow) (*v1alpha1.Saga, error) {
	if err := order.Check(o.Spec); err != nil {
		return nil, fmt.Errorf("order: OrderWorkflow %q: spec.%w", o.Name, err)
	}
	saga, err := order.SagaOf(o)
	if err != nil {
		return nil, fmt.Errorf("order: %w", err)
	}
	return saga, s.runs("order", o.Name, saga.Spec.DefinitionRef)
}

// runs says whether what the case names runs the definition that the cases are about.
func (s *Suite) runs(field, name string, ref *v1alpha1.DefinitionReference) error {
	if ref == nil || ref.Name != s.Definition {
		return fmt.Errorf("%s: %q does not run definition %q", field, name, s.Definition)
	}
	return nil
}

// uidOf is the same for the same case each time, since backoffs are drawn from it.
func uidOf(test, name string) types.UID {
	h := sha256.Sum256([]byte(test + "\x00" + name))
	return types.UID(fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}
