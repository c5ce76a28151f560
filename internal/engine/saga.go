package engine

import v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"

// State is what is stored of a saga: all that a decision rests on beside its program.
type State = v1alpha1.SagaState

// Saga is the identity and the params of one saga. None of it changes during its life.
type Saga struct {
	UID            string
	Namespace      string
	Name           string
	IdempotencyKey string // complete: <installation>/<namespace>/<key>
	BusinessKey    string
	Params         []byte // a JSON object; empty means {}
	OnKeyUsed      v1alpha1.KeyUsedPolicy
}

// Run is a program bound to one saga.
type Run struct {
	*Program
	saga Saga
}

// For binds the program to one saga.
func (p *Program) For(saga Saga) Run {
	if len(saga.Params) == 0 {
		saga.Params = []byte("{}")
	}
	return Run{Program: p, saga: saga}
}

func (r Run) values(s *State) Values {
	outputs := map[string][]byte{}
	for i := range s.Steps {
		if out := s.Steps[i].Output; out != nil && len(out.Raw) > 0 {
			outputs[s.Steps[i].Name] = out.Raw
		}
	}
	return Values{
		Params:  r.saga.Params,
		Outputs: outputs,
		Saga: map[string]string{
			"name": r.saga.Name, "namespace": r.saga.Namespace, "uid": r.saga.UID,
			"idempotencyKey": r.saga.IdempotencyKey, "businessKey": r.saga.BusinessKey,
		},
	}
}
