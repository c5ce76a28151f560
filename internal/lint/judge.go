package lint

import (
	"encoding/json"
	"regexp"
	"strings"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/manifests"
	"github.com/sagas-dev/saga-operator/internal/order"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/trigger"
)

// passOver counts what is not ours, and tells of what is of our group but of a kind or version that this plugin does not know.
func (r *run) passOver(o *object) {
	if kind := o.kind(); kind.Group == v1alpha1.GroupVersion.Group && kind.Kind != manifests.KindTest { // cases are no cluster's
		r.add(Error, o, "kind", "there is no %s in %s, as far as this version of the plugin knows", kind.Kind, kind.GroupVersion())
		return
	}
	r.report.Passed++
}

// judge judges one object by itself, and keeps what has to be judged together with others.
func (r *run) judge(o *object) {
	stored, refusals := r.rules.Admit(r.ctx, o.raw)
	if len(refusals) > 0 {
		r.judgeRefused(o, stored, refusals)
		return
	}
	if err := o.decode(stored); err != nil {
		r.add(Error, o, "", "%v", err)
		return
	}
	r.judgeDeeper(o)
}

// decode reads what the schema has accepted.
func (o *object) decode(stored map[string]any) (err error) {
	switch o.meta.Kind {
	case "SagaDefinition":
		o.definition, err = decode[v1alpha1.SagaDefinition](stored)
	case "Saga":
		o.saga, err = decode[v1alpha1.Saga](stored)
	case "SagaParticipant":
		o.participant, err = decode[v1alpha1.SagaParticipant](stored)
	case "OrderWorkflow":
		o.order, err = decode[v1alpha1.OrderWorkflow](stored)
	case "SagaTrigger":
		o.trigger, err = decode[v1alpha1.SagaTrigger](stored)
	}
	return err
}

// decode reads an object that the schema has accepted.
func decode[T any](stored map[string]any) (*T, error) {
	raw, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	typed := new(T)
	if err := json.Unmarshal(raw, typed); err != nil {
		return nil, err
	}
	return typed, nil
}

// judgeDeeper judges what no schema can: expressions, schemas of parameters, amounts.
func (r *run) judgeDeeper(o *object) {
	r.examineOwn(o)
	switch {
	case o.participant != nil && o.participant.Spec.EventKey != "":
		if _, err := r.expressions.Key(o.participant.Spec.EventKey); err != nil {
			r.add(Error, o, "spec.eventKey", "%v", err)
		}
	case o.trigger != nil:
		if _, err := trigger.Compile(r.expressions, o.trigger); err != nil {
			r.addError(o, "", err)
		}
		if o.trigger.Spec.Order != nil {
			r.judgeOrder(o)
		}
	case o.order != nil:
		if err := order.Check(o.order.Spec); err != nil {
			r.addError(o, "spec", err)
		}
		saga, err := order.SagaOf(o.order)
		if err != nil {
			r.add(Error, o, "spec", "%v", err)
			return
		}
		o.saga = saga
	}
	if o.saga != nil && o.examined != nil {
		r.judgeParams(o, o.examined.Schema)
	}
}

// judgeParams judges what a saga is started with.
func (r *run) judgeParams(o *object, schema *expr.Schema) {
	id, err := program.Identity("lint", o.saga)
	if err == nil && schema != nil {
		err = schema.Validate(id.Params)
	}
	if err != nil {
		field := "spec.params"
		if o.order != nil {
			field = "spec" // whose params are made of all of it
		}
		r.add(Error, o, field, "%s", strings.TrimPrefix(bare(err), "spec.params: "))
	}
}

// inMessage is how errors name the field that they are about: steps[0] (reserve): action.input: …, or total: ….
var (
	inStep  = regexp.MustCompile(`^(steps\[\d+\](?:\.[A-Za-z]+)*)(?: \([^)]*\))?: (?s)(.*)$`)
	inField = regexp.MustCompile(`^([a-z][A-Za-z]*(?:\[\d+\])?(?:\.[A-Za-z]+(?:\[\d+\])?)*): (?s)(.*)$`)
)

// addError records an error whose message begins with the path of a field below base.
func (r *run) addError(o *object, base string, err error) {
	field, message := base, bare(err)
	if match := inStep.FindStringSubmatch(message); match != nil {
		field, message = field+"."+match[1], unprefixed(match[2])
	}
	for match := inField.FindStringSubmatch(message); match != nil; match = inField.FindStringSubmatch(message) {
		field, message = field+"."+match[1], match[2]
	}
	r.add(Error, o, strings.TrimPrefix(field, "."), "%s", message)
}

// bare is an error without the sentinel that it begins with: what is wrong is said by field and message.
func bare(err error) string {
	return unprefixed(err.Error())
}

func unprefixed(message string) string {
	for {
		before := message
		for _, prefix := range sentinels {
			message = strings.TrimPrefix(message, prefix+": ")
		}
		if message == before {
			return message
		}
	}
}

// sentinels tell kinds of errors apart; people see it from the field.
var sentinels = []string{engine.ErrInvalidDefinition.Error(), engine.ErrInvalidExpression.Error(), program.ErrParams.Error(),
	trigger.ErrInvalidExpression.Error(), trigger.ErrInvalidMapping.Error()}
