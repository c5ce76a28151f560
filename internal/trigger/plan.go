package trigger

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/kafka"
)

// Why a trigger cannot be used. Only a change of it helps.
var (
	ErrInvalidExpression = errors.New("invalid expression") // filter or businessKey
	ErrInvalidMapping    = errors.New("invalid mapping")    // params or order
)

// Plan is a compiled trigger. It is pure, and safe for concurrent use.
type Plan struct {
	trigger     *v1alpha1.SagaTrigger
	types       []pattern
	filter      engine.Condition // nil: true
	params      expr.Template    // nil: none
	order       expr.Template    // nil: sagas are started
	businessKey engine.Text      // nil: none
}

// Compile compiles a trigger, which is not changed. Its errors are ErrInvalidExpression and ErrInvalidMapping; they name the field.
func Compile(x *expr.Compiler, trigger *v1alpha1.SagaTrigger) (*Plan, error) {
	spec := &trigger.Spec
	p := &Plan{trigger: trigger.DeepCopy(), types: patternsOf(spec.Types)}
	var err error
	if spec.Filter != "" {
		if p.filter, err = x.ConditionEvent(spec.Filter); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalidExpression, within("spec.filter", err))
		}
	}
	if spec.BusinessKey != "" {
		if p.businessKey, err = x.TextEvent(spec.BusinessKey); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalidExpression, within("spec.businessKey", err))
		}
	}
	if spec.Params != nil {
		if p.params, err = x.CompileEvent(spec.Params.Raw); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalidMapping, within("spec.params", err))
		}
	}
	if spec.Order != nil {
		if p.order, err = x.CompileEvent(spec.Order.Raw); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalidMapping, within("spec.order", err))
		}
	}
	return p, nil
}

// within puts the field's name before the place that an error of an expression names.
func within(field string, err error) error {
	var placed *expr.Error
	if errors.As(err, &placed) {
		return placed.In(field)
	}
	return fmt.Errorf("%s: %w", field, err)
}

// Key is the trigger's namespace and name.
func (p *Plan) Key() types.NamespacedName { return client.ObjectKeyFromObject(p.trigger) }

// Orders says whether the trigger starts orders instead of sagas.
func (p *Plan) Orders() bool { return p.order != nil }

// maxActive is how many unfinished sagas or orders the trigger may have.
func (p *Plan) maxActive() int {
	if most := p.trigger.Spec.MaxActive; most != nil {
		return int(*most)
	}
	return v1alpha1.DefaultMaxActive
}

// begin is where to start while nothing is committed.
func (p *Plan) begin() kafka.Begin {
	switch from := p.trigger.Spec.StartFrom; from {
	case v1alpha1.StartEarliest:
		return kafka.Begin{}
	case v1alpha1.StartLatest, "":
		return kafka.Begin{Latest: true}
	default:
		at, err := time.Parse(time.RFC3339, from)
		if err != nil { // cannot be: the resource's own rules refuse it
			return kafka.Begin{Latest: true}
		}
		return kafka.Begin{At: at}
	}
}

// GroupOf names the group under which the offsets of a trigger are committed. No two triggers share one: neither an
// installation nor a namespace has a dot in its name.
func GroupOf(installation string, trigger types.NamespacedName) string {
	return installation + ".trigger." + trigger.Namespace + "." + trigger.Name
}
