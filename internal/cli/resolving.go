package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/why"
)

// maxResolutions is how many spec.resolutions takes.
const maxResolutions = 64

// resolving is to decide about steps that wait.
type resolving struct {
	answer
	session *session

	one     bool // one saga was named: then one step is meant
	written map[types.UID][]v1alpha1.Resolution
}

// locks: the list of decisions is written as a whole, and may not lose those of others.
func (*resolving) locks() bool { return true }

func (d *resolving) plan(ctx context.Context, saga *v1alpha1.Saga) (bool, error) {
	look, err := d.session.look(ctx, saga)
	if err != nil {
		return false, err
	}
	steps, err := d.steps(look)
	if err != nil {
		return false, err
	}
	var decided []v1alpha1.Resolution
	for _, st := range steps {
		decided = append(decided, d.of(st))
	}
	if d.written == nil {
		d.written = map[types.UID][]v1alpha1.Resolution{}
	}
	d.written[saga.UID] = decided
	return d.put(saga, decided)
}

// put puts decisions into the spec. One that stands there already, of whomever, is not overwritten.
func (d *resolving) put(saga *v1alpha1.Saga, decided []v1alpha1.Resolution) (bool, error) {
	needed := false
	for _, r := range decided {
		i := slices.IndexFunc(saga.Spec.Resolutions, func(o v1alpha1.Resolution) bool { return o.Step == r.Step && o.Decision == r.Decision })
		if i < 0 {
			saga.Spec.Resolutions = append(saga.Spec.Resolutions, r)
			needed = true
			continue
		}
		standing := saga.Spec.Resolutions[i]
		if standing.Action == r.Action && standing.By == r.By {
			continue
		}
		return false, fmt.Errorf("decision %d on step %q stands in spec.resolutions already: %s, by %s (%s); remove it there to decide otherwise",
			r.Decision, r.Step, standing.Action, standing.By, standing.Reason)
	}
	if len(saga.Spec.Resolutions) > maxResolutions {
		saga.Spec.Resolutions = slices.DeleteFunc(saga.Spec.Resolutions, func(r v1alpha1.Resolution) bool { return wasTaken(saga, r) })
	}
	return needed, nil
}

// wasTaken says whether a decision was taken, so that it may be removed from the spec.
func wasTaken(saga *v1alpha1.Saga, r v1alpha1.Resolution) bool {
	st := stepOf(saga, r.Step)
	return st != nil && st.Resolved != nil && st.Resolved.Decision >= r.Decision
}

func stepOf(saga *v1alpha1.Saga, name string) *v1alpha1.StepStatus {
	for i := range saga.Status.Steps {
		if st := &saga.Status.Steps[i]; st.Name == name {
			return st
		}
	}
	return nil
}

// steps are those that are decided about. Its error says why there is none, and what the saga waits for instead.
func (d *resolving) steps(look why.Case) ([]*v1alpha1.StepStatus, error) {
	if final(look.Saga) {
		return nil, errEnded(look.Saga)
	}
	var waiting []*v1alpha1.StepStatus
	for i := range look.Saga.Status.Steps {
		st := &look.Saga.Status.Steps[i]
		if (d.step == "" || d.step == st.Name) && d.waits(look, st) {
			waiting = append(waiting, st)
		}
	}
	switch {
	case len(waiting) == 0:
		return nil, d.nothingWaits(look)
	case d.one && len(waiting) > 1:
		return nil, fmt.Errorf("several steps wait: name one of %s", strings.Join(stepNames(look.Saga, func(st *v1alpha1.StepStatus) bool {
			return slices.Contains(waiting, st)
		}), ", "))
	}
	for _, st := range waiting {
		if err := d.fits(look, st); err != nil {
			return nil, err
		}
	}
	return waiting, nil
}

// waits says whether the step waits for what is decided. Of several sagas, what an action does not fit is passed over.
func (d *resolving) waits(look why.Case, st *v1alpha1.StepStatus) bool {
	actions := look.Actions(st)
	switch {
	case len(actions) == 0, d.approvals && !look.Approving(st):
		return false
	case !d.one && d.step == "":
		return slices.Contains(actions, d.action)
	}
	return true
}

func (d *resolving) nothingWaits(look why.Case) error {
	st := stepOf(look.Saga, d.step)
	switch {
	case d.step != "" && st == nil:
		return fmt.Errorf("it has no step %q: %s", d.step, why.Sentence(look))
	case st != nil && why.KeyUsed(st):
		return fmt.Errorf("step %q waits because of the saga's idempotency key: %s", d.step, why.Sentence(look))
	case st != nil:
		return fmt.Errorf("step %q does not wait for this (it is %s). %s", d.step, st.State, why.Sentence(look))
	}
	return fmt.Errorf("no step waits for this. %s", why.Sentence(look))
}

func (d *resolving) fits(look why.Case, st *v1alpha1.StepStatus) error {
	actions := look.Actions(st)
	switch {
	case d.decision != 0 && d.decision != st.Decision:
		return fmt.Errorf("step %q waits for decision %d, not %d", st.Name, st.Decision, d.decision)
	case d.action == v1alpha1.ResolutionRetry && look.Saga.Status.SuspendTime != nil && !slices.Contains(actions, d.action):
		return fmt.Errorf("it is suspended, so that nothing is asked: resume it first")
	case !slices.Contains(actions, d.action):
		return fmt.Errorf("step %q cannot be decided by %s: it takes %v", st.Name, d.action, actions)
	case look.Approving(st) && d.action == v1alpha1.ResolutionMarkDone && slices.Contains(st.ApprovedBy, d.by):
		return fmt.Errorf("step %q needs another person: %s has approved it already", st.Name, d.by)
	}
	return nil
}

func (d *resolving) judge(saga *v1alpha1.Saga) verdict {
	worst := verdict{taken, standing(saga)}
	for _, r := range d.written[saga.UID] {
		if v := judgeOne(saga, r); v.outcome != taken {
			worst = v
		}
	}
	return worst
}

// judgeOne says what a status tells of one decision.
func judgeOne(saga *v1alpha1.Saga, r v1alpha1.Resolution) verdict {
	st := stepOf(saga, r.Step)
	switch {
	case st == nil:
		return verdict{unseen, ""}
	case st.Resolved != nil && st.Resolved.Decision == r.Decision && (st.Resolved.Action != r.Action || st.Resolved.By != r.By):
		return verdict{refused, fmt.Sprintf("decision %d was %s already, by %s", r.Decision, st.Resolved.Action, st.Resolved.By)}
	case st.Resolved != nil && st.Resolved.Decision >= r.Decision:
		return verdict{taken, ""}
	case saga.Status.ObservedGeneration < saga.Generation:
		return verdict{unseen, ""}
	case final(saga) || st.Decision > r.Decision || st.State != v1alpha1.StepNeedsIntervention && st.State != v1alpha1.StepRunning:
		return verdict{refused, fmt.Sprintf("step %q was settled without it: it is %s", r.Step, st.State)}
	}
	for _, c := range saga.Status.Conditions {
		if strings.Contains(c.Message, fmt.Sprintf("%s of step %q, decision %d,", r.Action, r.Step, r.Decision)) {
			return verdict{refused, c.Message}
		}
	}
	return verdict{unseen, ""}
}
