package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

// mapping is what a trigger makes of an event, as far as that is known before there is one.
type mapping struct {
	made  any             // the template with something in place of each text that an event decides
	texts map[string]bool // where these stand, such as lines[0].sku
}

// mapped puts stand(n) in place of the n-th text that holds an expression.
func mapped(template *runtime.RawExtension, stand func(n int) any) (mapping, error) {
	m := mapping{made: map[string]any{}, texts: map[string]bool{}}
	if template == nil || len(template.Raw) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(template.Raw, &m.made); err != nil {
		return m, err
	}
	m.made = m.fill(m.made, "", stand)
	return m, nil
}

func (m mapping) fill(v any, path string, stand func(int) any) any {
	switch v := v.(type) {
	case string:
		if !strings.Contains(strings.ReplaceAll(v, "$${", ""), "${") {
			return strings.ReplaceAll(v, "$${", "${")
		}
		m.texts[path] = true
		return stand(len(m.texts))
	case []any:
		for i := range v {
			v[i] = m.fill(v[i], fmt.Sprintf("%s[%d]", path, i), stand)
		}
	case map[string]any:
		for name := range v {
			v[name] = m.fill(v[name], strings.TrimPrefix(path+"."+name, "."), stand)
		}
	}
	return v
}

// anyValue passes every schema. No two are equal, or they would break uniqueItems.
func anyValue(n int) any {
	return map[string]any{"$ref": "an event decides", "sha256": fmt.Sprintf("%064x", n)}
}

// choosing are the keywords by which a value that is not known decides what else is asked.
var choosing = regexp.MustCompile(`"(oneOf|not|if|maxContains)"\s*:|"const"\s*:\s*[{\[]|"enum"\s*:\s*\[[^\]]*[{\[]`)

// judgeMapping says where the params of a trigger break the schema of what it starts, whatever an event holds.
func (r *run) judgeMapping(o *object, started *examined) {
	if started.Schema == nil {
		return
	}
	m, err := mapped(o.trigger.Spec.Params, anyValue)
	if err != nil {
		r.add(Error, o, "spec.params", "%v", err)
		return
	}
	raw, err := json.Marshal(m.made)
	if err == nil {
		err = started.Schema.Validate(raw)
	}
	depends := len(m.texts) > 0
	switch {
	case err == nil, depends && errors.Is(err, expr.ErrTooLarge): // what stands in place is longer than what may come
	case depends && choosing.Match(started.spec.Parameters.Raw):
		r.add(Warning, o, "spec.params", "for some events at least, %v", err)
	default:
		r.add(Error, o, "spec.params", "whatever the event, %v", err)
	}
}

// judgeOrder says what the API server would refuse the order of a trigger for, whatever an event holds.
func (r *run) judgeOrder(o *object) {
	m, err := mapped(o.trigger.Spec.Order, func(int) any { return "an event decides" })
	if err != nil {
		r.add(Error, o, "spec.order", "%v", err)
		return
	}
	raw, err := json.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "OrderWorkflow",
		"metadata": map[string]any{"name": "order"}, "spec": m.made,
	})
	if err != nil {
		r.add(Error, o, "spec.order", "%v", err)
		return
	}
	_, refusals := r.rules.Admit(r.ctx, raw)
	for _, refusal := range refusals {
		below := strings.TrimPrefix(strings.TrimPrefix(refusal.Field, "spec"), ".")
		if !m.decides(below) {
			field := strings.TrimSuffix("spec.order."+below, ".")
			r.add(Error, o, field, "whatever the event, the order is refused: %s", strings.ReplaceAll(refusal.Message, "spec.", "spec.order."))
		}
	}
}

// decides says whether an event decides about a field, or about something in it.
func (m mapping) decides(field string) bool {
	for text := range m.texts {
		rest, below := strings.CutPrefix(text, field)
		if below && (field == "" || rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}
