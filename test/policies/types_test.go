package policies

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/types"
)

// names are the policies of config/policies.
var names = []string{"abort", "finalizers", "metadata", "orders", "participants", "possible", "resolve", "revisions", "status"}

func TestTheAPIServerFindsNothingToWarnOfInThePolicies(t *testing.T) {
	c := ready(t)
	var policies admissionv1.ValidatingAdmissionPolicyList
	if err := c.clients[root].List(t.Context(), &policies); err != nil {
		t.Fatal(err)
	}
	if len(policies.Items) != len(names) {
		t.Errorf("%d policies; want %d", len(policies.Items), len(names))
	}
	for _, policy := range policies.Items {
		t.Run(policy.Name, func(t *testing.T) {
			eventually(t, "the controller manager to have checked its types", func() bool {
				return c.clients[root].Get(t.Context(), types.NamespacedName{Name: policy.Name}, &policy) == nil && policy.Status.TypeChecking != nil &&
					policy.Status.ObservedGeneration == policy.Generation
			})
			for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
				t.Errorf("%s: %s", warning.FieldRef, warning.Warning)
			}
			if *policy.Spec.FailurePolicy != admissionv1.Fail {
				t.Error("what cannot be judged would be let through")
			}
		})
	}
}

func TestAMisspeltFieldWouldBeWarnedOf(t *testing.T) {
	c := ready(t)
	policy := &admissionv1.ValidatingAdmissionPolicy{}
	if err := c.clients[root].Get(t.Context(), types.NamespacedName{Name: "saga-operator-abort"}, policy); err != nil {
		t.Fatal(err)
	}
	wrong := &admissionv1.ValidatingAdmissionPolicy{Spec: *policy.Spec.DeepCopy()} // without a binding it refuses nothing
	wrong.Name = "misspelt"
	wrong.Spec.Validations = []admissionv1.Validation{{Expression: "object.spec.abrot == true"}}
	if err := c.clients[root].Create(t.Context(), wrong); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the controller manager to have checked its types", func() bool {
		return c.clients[root].Get(t.Context(), types.NamespacedName{Name: wrong.Name}, wrong) == nil && wrong.Status.TypeChecking != nil
	})
	if len(wrong.Status.TypeChecking.ExpressionWarnings) == 0 {
		t.Error("there is no warning")
	}
	if err := c.clients[root].Delete(t.Context(), wrong); err != nil {
		t.Fatal(err)
	}
}
