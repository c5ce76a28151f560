package controllers

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// setCondition puts a condition into the list. One that comes from the schema's default knows no time of its own, so that it
// gives way as a whole.
func setCondition(conditions *[]metav1.Condition, next metav1.Condition) {
	if found := meta.FindStatusCondition(*conditions, next.Type); found != nil && found.LastTransitionTime.Unix() <= 0 {
		meta.RemoveStatusCondition(conditions, next.Type)
	}
	meta.SetStatusCondition(conditions, next)
}

// stalledAs is condition Stalled of a definition or participant that was judged: True, with the verdict's own reason, where
// only a person's change helps. Tools that follow kstatus give up waiting on it, and on nothing else.
func stalledAs(judged metav1.Condition, final bool) metav1.Condition {
	judged.Type = v1alpha1.ConditionStalled
	if final {
		judged.Status = metav1.ConditionTrue
		return judged
	}
	judged.Status, judged.Reason, judged.Message = metav1.ConditionFalse, v1alpha1.ReasonProgressing, "It needs no change"
	return judged
}
