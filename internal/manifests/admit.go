package manifests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/sagas-dev/saga-operator/internal/admission"
)

// rules are made once: that takes a moment.
var rules = sync.OnceValues(admission.New)

// admitted is an object as the API server would store it, with defaults. Its error says all that it would refuse.
func admitted(raw []byte, _ any) ([]byte, error) {
	r, err := rules()
	if err != nil {
		return nil, fmt.Errorf("compiling the rules of the resources: %w", err)
	}
	object, refusals := r.Admit(context.Background(), raw)
	var wrong []error
	for _, refusal := range refusals {
		text := refusal.Message
		if refusal.Field != "" {
			text = refusal.Field + ": " + text
		}
		wrong = append(wrong, errors.New(text))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return json.Marshal(object)
}

// drafted is an object with its defaults, whatever the rules say of it. Its error says what cannot be read into kind.
func drafted(raw []byte, kind any) ([]byte, error) {
	r, err := rules()
	if err != nil {
		return nil, fmt.Errorf("compiling the rules of the resources: %w", err)
	}
	if err := Decode(raw, kind); err != nil {
		return nil, err
	}
	object, _ := r.Admit(context.Background(), raw)
	return json.Marshal(object)
}
