package trigger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/order"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Start is what an event starts: an object that is to be made.
type Start struct {
	object client.Object // a Saga or an OrderWorkflow
	params []byte        // of the saga, a JSON object; nil: it is an order
}

// NameOf is the name of what an event starts: <trigger>-<hash of the event's source and id>. With a trigger's name of
// at most 63 characters it has at most 88.
func NameOf(trigger, source, id string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(source), source, id))
	return trigger + "-" + hex.EncodeToString(sum[:12])
}

// start makes what the event starts. Its error names the field that cannot be made of the event.
func (p *Plan) start(event wire.CloudEvent, values engine.Values) (*Start, error) {
	meta := p.metaOf(event)
	if p.order != nil {
		spec, err := p.orderSpec(values)
		if err != nil {
			return nil, err
		}
		return &Start{object: &v1alpha1.OrderWorkflow{ObjectMeta: meta, Spec: spec}}, nil
	}
	meta.Finalizers = []string{v1alpha1.FinalizerSaga} // or it would cost a write of its own
	saga := &v1alpha1.Saga{ObjectMeta: meta, Spec: v1alpha1.SagaSpec{
		DefinitionRef: p.trigger.Spec.DefinitionRef.DeepCopy(),
		OnKeyUsed:     v1alpha1.KeyUsedEnd,
		TTL:           p.trigger.Spec.TTL.DeepCopy(),
	}}
	var err error
	if saga.Spec.BusinessKey, err = p.key(values); err != nil {
		return nil, err
	}
	params := []byte("{}")
	if p.params != nil {
		if params, err = p.params.Render(values); err != nil {
			return nil, within("spec.params", err)
		}
		saga.Spec.Params = &runtime.RawExtension{Raw: params}
	}
	return &Start{object: saga, params: params}, nil
}

func (p *Plan) metaOf(event wire.CloudEvent) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{
		Namespace:   p.trigger.Namespace,
		Name:        NameOf(p.trigger.Name, event.Source, event.ID),
		Labels:      map[string]string{v1alpha1.LabelTrigger: p.trigger.Name},
		Annotations: map[string]string{v1alpha1.AnnotationEventID: event.ID, v1alpha1.AnnotationEventSource: event.Source},
	}
	if event.TraceParent != "" {
		meta.Annotations[v1alpha1.AnnotationTraceParent] = event.TraceParent
	}
	return meta
}

// businessKey is what the resource takes of one.
var businessKey = regexp.MustCompile(`^[!-~]{1,63}$`)

// key returns the business key; empty: none.
func (p *Plan) key(values engine.Values) (string, error) {
	if p.businessKey == nil {
		return "", nil
	}
	key, err := p.businessKey.Write(values)
	if err != nil {
		return "", within("spec.businessKey", err)
	}
	if key != "" && !businessKey.MatchString(key) {
		return "", fmt.Errorf("spec.businessKey: gives %.80q (%d bytes): it must be printable ASCII without spaces, at most 63 characters", key, len(key))
	}
	return key, nil
}

// orderSpec renders the order and checks what its controller would refuse it for.
func (p *Plan) orderSpec(values engine.Values) (spec v1alpha1.OrderWorkflowSpec, _ error) {
	raw, err := p.order.Render(values)
	if err != nil {
		return spec, within("spec.order", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields() // a field that is spelled wrongly must not be lost without a word
	if err := decoder.Decode(&spec); err != nil {
		return spec, fmt.Errorf("spec.order: gives no order: %w", err)
	}
	if err := order.Check(spec); err != nil {
		return spec, fmt.Errorf("spec.order: %w", err)
	}
	return spec, nil
}
