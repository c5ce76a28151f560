package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/revision"
)

var accepted = engine.Acceptance{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted, Message: "The saga can run"}

func rejected(reason string, err error) engine.Acceptance {
	return engine.Acceptance{Status: metav1.ConditionFalse, Reason: reason, Message: bounded(err.Error()), Final: true}
}

func waiting(reason, message string) engine.Acceptance {
	return engine.Acceptance{Status: metav1.ConditionUnknown, Reason: reason, Message: bounded(message)}
}

// bounded keeps a condition's message within what the API takes of it, and shows that it did.
func bounded(message string) string {
	const most = 2000
	if len(message) > most {
		return strings.ToValidUTF8(message[:most], "") + "…"
	}
	return message
}

// accept finds out whether the saga can run, and with which program.
func (r *SagaReconciler) accept(ctx context.Context, v *visit) error {
	var paramsErr error
	v.id, paramsErr = program.Identity(r.Encoder.Installation, v.saga)
	v.acceptance = accepted
	if err := r.loadProgram(ctx, v); err != nil {
		return err
	}
	if v.compiled == nil {
		v.specChanged = v.started() && v.acceptance.Final // as good as changed: it cannot be run any more
		return nil
	}
	v.run = v.compiled.For(v.id)
	v.digest = program.InputDigest(v.compiled.Digest, v.id)
	if v.started() {
		if !v.live {
			r.keys.release(keyOf(v.saga), v.saga.UID) // the cache knows by now that it did
		}
		v.specChanged = paramsErr != nil || v.digest != v.saga.Status.InputDigest
		return r.findTopics(ctx, v)
	}
	if v.acceptance.Status != metav1.ConditionTrue {
		return nil
	}
	if err := r.findTopics(ctx, v); err != nil {
		return err
	}
	v.judgeParams(paramsErr)
	if v.acceptance.Status == metav1.ConditionTrue && !v.deleting() {
		return r.claimKey(ctx, v)
	}
	return nil
}

// judgeParams checks what the saga is started with. What is wrong with it stays wrong, so it goes before what is waited for.
func (v *visit) judgeParams(paramsErr error) {
	if paramsErr == nil && v.compiled.Schema != nil {
		if err := v.compiled.Schema.Validate(v.id.Params); err != nil {
			paramsErr = fmt.Errorf("spec.params: %w", err)
		}
	}
	switch {
	case paramsErr != nil:
		v.acceptance = rejected(v1alpha1.ReasonInvalidParameters, paramsErr)
	case specBytes(v.saga) > maxSpecBytes:
		v.acceptance = rejected(v1alpha1.ReasonInputTooLarge, fmt.Errorf(
			"spec has %d bytes, at most %d leave room for the status", specBytes(v.saga), maxSpecBytes))
	}
}

// maxSpecBytes leaves the rest of the object's bound to its status.
const maxSpecBytes = v1alpha1.MaxObjectBytes / 2

func specBytes(saga *v1alpha1.Saga) int {
	raw, err := json.Marshal(saga.Spec)
	if err != nil {
		return maxSpecBytes + 1 // what cannot be written cannot be stored either
	}
	return len(raw)
}

// loadProgram finds what the saga runs: its own definition, the revision it is pinned to or, before its start, the one that it names,
// or the newest of its definition.
func (r *SagaReconciler) loadProgram(ctx context.Context, v *visit) error {
	switch {
	case v.saga.Spec.Definition != nil && v.started(): // it was accepted, maybe by a version that looked for fewer mistakes
		v.take(r.Programs.Recompile(*v.saga.Spec.Definition))
		return nil
	case v.saga.Spec.Definition != nil:
		v.take(r.Programs.Compile(*v.saga.Spec.Definition))
		return nil
	}
	v.revision = v.saga.Status.Revision
	if !v.started() {
		if err := r.findRevision(ctx, v); err != nil || v.revision == "" {
			return err
		}
	}
	rev := &appsv1.ControllerRevision{}
	err := r.reader(v).Get(ctx, types.NamespacedName{Namespace: v.saga.Namespace, Name: v.revision}, rev)
	if apierrors.IsNotFound(err) {
		v.acceptance = engine.Acceptance{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonReferencesMissing,
			Message: fmt.Sprintf("Waiting for ControllerRevision %q, which holds what the saga runs", v.revision)}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading revision %q: %w", v.revision, err)
	}
	if !v.started() && rev.DeletionTimestamp != nil {
		v.acceptance = waiting(v1alpha1.ReasonPending, fmt.Sprintf("Waiting for a revision in place of %q, which is being deleted", v.revision))
		return nil
	}
	v.take(r.Programs.CompileRevision(rev.UID, func() (v1alpha1.SagaDefinitionSpec, error) { return revision.Spec(rev) }))
	return nil
}

// reader reads what the saga refers to: past the cache where the visit is to be sure.
func (r *SagaReconciler) reader(v *visit) client.Reader {
	if v.live {
		return r.APIReader
	}
	return r.Client
}

func (r *SagaReconciler) newestRevision(ctx context.Context, v *visit) error {
	name := v.saga.Spec.DefinitionRef.Name
	def := &v1alpha1.SagaDefinition{}
	err := r.reader(v).Get(ctx, types.NamespacedName{Namespace: v.saga.Namespace, Name: name}, def)
	switch {
	case apierrors.IsNotFound(err):
		v.acceptance = waiting(v1alpha1.ReasonDefinitionNotFound, fmt.Sprintf("Waiting for SagaDefinition %q", name))
		return nil
	case err != nil:
		return fmt.Errorf("reading definition %q: %w", name, err)
	case def.Status.ObservedGeneration != def.Generation:
		v.acceptance = waiting(v1alpha1.ReasonPending, fmt.Sprintf("Waiting for SagaDefinition %q to be looked at", name))
		return nil
	}
	for _, c := range def.Status.Conditions {
		if c.Type == v1alpha1.ConditionAccepted && c.Status == metav1.ConditionFalse {
			v.acceptance = rejected(v1alpha1.ReasonInvalidDefinition, fmt.Errorf("SagaDefinition %q: %s: %s", name, c.Reason, c.Message))
			return nil
		}
	}
	v.revision = def.Status.Revision
	if v.revision == "" {
		v.acceptance = waiting(v1alpha1.ReasonPending, fmt.Sprintf("Waiting for SagaDefinition %q to be looked at", name))
	}
	return nil
}

// take takes a compiled definition, or why there is none.
func (v *visit) take(compiled *program.Compiled, err error) {
	switch {
	case errors.Is(err, engine.ErrInvalidExpression):
		v.acceptance = rejected(v1alpha1.ReasonInvalidExpression, err)
	case err != nil:
		v.acceptance = rejected(v1alpha1.ReasonInvalidDefinition, err)
	default:
		v.compiled = compiled
	}
}

// findTopics looks for the participants that the program uses. One that is not there yet, or names topics that it may not, is
// waited for. What it finds is all that send can send to.
func (r *SagaReconciler) findTopics(ctx context.Context, v *visit) error {
	v.topics = map[string]v1alpha1.ParticipantTopics{}
	for name, use := range v.compiled.Participants() {
		participant := &v1alpha1.SagaParticipant{}
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: v.saga.Namespace, Name: name}, participant)
		switch {
		case apierrors.IsNotFound(err):
			v.missing(v1alpha1.ReasonParticipantNotFound, fmt.Sprintf("Waiting for SagaParticipant %q", name))
			continue
		case err != nil:
			return fmt.Errorf("reading participant %q: %w", name, err)
		case !v.started() && participant.DeletionTimestamp != nil: // it goes as soon as nobody needs it
			v.missing(v1alpha1.ReasonParticipantNotFound, fmt.Sprintf("Waiting for SagaParticipant %q in place of the one that is being deleted", name))
			continue
		}
		if refused := refusedTopic(r.Permitted, participant); refused != "" { // nothing is sent there, not even an undoing
			v.missing(v1alpha1.ReasonReferencesMissing, fmt.Sprintf("Waiting for SagaParticipant %q to be accepted: %s", name, refused))
			continue
		}
		if refused := r.EventKeys.refused(participant); use.Listens && refused != "" {
			v.missing(v1alpha1.ReasonReferencesMissing, fmt.Sprintf("Waiting for SagaParticipant %q to be accepted: %s", name, refused))
			continue
		}
		topics := participant.Spec.Topics
		if use.Commands && topics.Commands == "" || (use.Events || use.Listens) && topics.Events == "" {
			v.missing(v1alpha1.ReasonReferencesMissing, fmt.Sprintf("Waiting for SagaParticipant %q to name its topics", name))
			continue
		}
		v.topics[name] = topics
	}
	return nil
}

// missing records that something is waited for. Of several, the alphabetically first is shown, so that the message is stable.
func (v *visit) missing(reason, message string) {
	status := metav1.ConditionUnknown
	if v.started() || reason == v1alpha1.ReasonReferencesMissing {
		reason, status = v1alpha1.ReasonReferencesMissing, metav1.ConditionFalse
	}
	if v.acceptance.Status != metav1.ConditionTrue && v.acceptance.Message <= message {
		return
	}
	v.acceptance = engine.Acceptance{Status: status, Reason: reason, Message: bounded(message)}
}

// keyOf is the key by which unfinished sagas of one namespace are told apart.
func keyOf(saga *v1alpha1.Saga) string { return program.IdempotencyKey("", saga) }

// claimKey rejects the saga where another unfinished one has its key. Of two, the one that has not started loses. The cache
// may remember one that has ended: a live visit looks at each.
func (r *SagaReconciler) claimKey(ctx context.Context, v *visit) error {
	var same v1alpha1.SagaList
	err := r.Client.List(ctx, &same, client.InNamespace(v.saga.Namespace), client.MatchingFields{indexKey: keyOf(v.saga)})
	if err != nil {
		return fmt.Errorf("looking for sagas with the same key: %w", err)
	}
	unfinished := map[types.UID]string{}
	for i := range same.Items {
		other := &same.Items[i]
		if other.UID == v.saga.UID {
			continue
		}
		if unfinished, err := r.unfinished(ctx, v, other); err != nil || !unfinished {
			if err != nil {
				return err
			}
			continue
		}
		if other.Status.StartTime != nil {
			v.acceptance = duplicate(v.id.IdempotencyKey, other.Name)
			return nil
		}
		unfinished[other.UID] = other.Name
	}
	if holder := unfinished[r.keys.take(keyOf(v.saga), v.saga.UID, unfinished)]; holder != "" {
		v.acceptance = duplicate(v.id.IdempotencyKey, holder)
	}
	return nil
}

// unfinished says whether the saga that the cache shows is still there, and has not ended.
func (r *SagaReconciler) unfinished(ctx context.Context, v *visit, other *v1alpha1.Saga) (bool, error) {
	if !v.live {
		return true, nil
	}
	now := &v1alpha1.Saga{}
	err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(other), now)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading saga %q, which has the same key: %w", other.Name, err)
	}
	return now.UID == other.UID && !final(now.Status.Phase), nil
}

func duplicate(key, holder string) engine.Acceptance {
	return rejected(v1alpha1.ReasonDuplicateKey, fmt.Errorf("saga %q has the idempotency key %q and is not finished", holder, key))
}

// claims are the keys of sagas that this process has started: a cache may not know yet that they did.
type claims struct {
	mu     sync.Mutex
	holder map[string]types.UID
}

// take claims key for uid, and returns the UID of another unfinished saga that has claimed it.
func (c *claims) take(key string, uid types.UID, unfinished map[types.UID]string) (holder types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holder == nil {
		c.holder = map[string]types.UID{}
	}
	if held, ok := c.holder[key]; ok && held != uid && unfinished[held] != "" {
		return held
	}
	c.holder[key] = uid
	return ""
}

func (c *claims) release(key string, uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holder[key] == uid {
		delete(c.holder, key)
	}
}
