package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/why"
)

// annotationRerunOf names the saga that another was made from.
const annotationRerunOf = "sagas.dev/rerun-of"

// maxName is the longest name of a saga; maxKey the longest key.
const maxName, maxKey = 128, 128

func newRerun(streams genericiooptions.IOStreams) *cobra.Command {
	b := &bulk{}
	sameRevision := false
	cmd := &cobra.Command{
		Use:   "rerun NAME...",
		Short: "Make new sagas from ones that have ended",
		Long: "Makes a new saga from each that has ended, with its definition, params and business key, under a new name (NAME-rerun-1) and a new " +
			"idempotency key: whatever the first run did is done again. It waits until the new sagas have started.",
		Example: "  kubectl saga rerun order-1\n  kubectl saga rerun --field-selector status.phase=Compensated --dry-run=server",
	}
	at := connects(cmd)
	b.addFlags(cmd)
	cmd.Flags().BoolVar(&sameRevision, "same-revision", false, "run the revision of the definition that the first run was pinned to, instead of the newest")
	cmd.ValidArgsFunction = at.completeSagas(0)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := b.check(args); err != nil {
			return err
		}
		s, sagas, err := at.sagas(cmd.Context(), args, b.by)
		if err != nil {
			return err
		}
		return b.rerun(cmd.Context(), s, streams, sagas, sameRevision)
	}
	return cmd
}

// rerun makes a new saga of each, waits until the new ones have started, and reports.
func (b *bulk) rerun(ctx context.Context, s *session, streams genericiooptions.IOStreams, ended []v1alpha1.Saga, sameRevision bool) error {
	if len(ended) == 0 {
		fmt.Fprintln(streams.ErrOut, none(s, b.by))
		return nil
	}
	limit := rate.NewLimiter(rate.Limit(b.rate), 1)
	made, results := make([]v1alpha1.Saga, len(ended)), make([]result, len(ended))
	for i := range ended {
		made[i], results[i] = ended[i], result{Namespace: ended[i].Namespace, Name: ended[i].Name, Outcome: refused}
		fresh, err := again(&ended[i], sameRevision)
		if err != nil {
			results[i].Message = err.Error()
			continue
		}
		if err := limit.Wait(ctx); err != nil {
			return fmt.Errorf("interrupted: what is made stays: %w", err)
		}
		results[i].Outcome, results[i].Message = b.create(ctx, s, fresh)
		results[i].Name, made[i] = fresh.Name, *fresh
	}
	if b.dryRun == dryRunNone && !b.noWait {
		w := writer{bulk: b, session: s, deed: starting{}}
		if err := w.await(ctx, made, results); err != nil {
			return err
		}
	}
	return b.report(streams, "rerun", results)
}

func (b *bulk) create(ctx context.Context, s *session, fresh *v1alpha1.Saga) (outcome, string) {
	var options []client.CreateOption
	switch b.dryRun {
	case dryRunClient:
		return planned, ""
	case dryRunServer:
		options = append(options, client.DryRunAll)
	}
	err := s.Create(ctx, fresh, options...)
	switch {
	case apierrors.IsAlreadyExists(err):
		return refused, fmt.Sprintf("there is a saga %q already, which was made from it: rerun that one", fresh.Name)
	case err != nil:
		return refused, explain(err).Error()
	case b.dryRun == dryRunServer:
		return planned, ""
	}
	return unseen, ""
}

// starting is what the operator does to a new saga.
type starting struct{}

func (starting) locks() bool { return false }

func (starting) plan(context.Context, *v1alpha1.Saga) (bool, error) {
	return false, errors.New("it starts by itself")
}

func (starting) judge(saga *v1alpha1.Saga) verdict {
	switch {
	case saga.Status.Phase == v1alpha1.PhaseRejected:
		return verdict{refused, why.Sentence(why.Case{Saga: saga})}
	case saga.Status.StartTime != nil:
		return verdict{taken, standing(saga)}
	}
	return verdict{unseen, standing(saga)}
}

var rerunName = regexp.MustCompile(`^(.*)-rerun-(\d+)$`)

// again is a new saga with what one that has ended was started with: another transaction, since it has another idempotency key. Its
// name follows from that one's, so that the same is not rerun twice by mistake.
func again(ended *v1alpha1.Saga, sameRevision bool) (*v1alpha1.Saga, error) {
	if !final(ended) {
		return nil, fmt.Errorf("it has not ended (%s): where it waits for a person, decide with kubectl saga resolve or retry; where it continues a lost "+
			"run, with kubectl saga adopt; kubectl saga abort undoes it", orPending(ended.Status.Phase))
	}
	name := nextName(ended.Name)
	fresh := &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ended.Namespace, Name: name, Labels: ownLabels(ended.Labels),
			Annotations: map[string]string{annotationRerunOf: ended.Name}, Finalizers: []string{v1alpha1.FinalizerSaga},
		},
		Spec: *ended.Spec.DeepCopy(),
	}
	spec := &fresh.Spec
	spec.Suspend, spec.Abort, spec.Adopt, spec.Resolutions = false, false, false, nil
	spec.IdempotencyKey = shorten(name, maxKey-6) + "-" + rand.String(5)
	if spec.DefinitionRef != nil && sameRevision {
		if ended.Status.Revision == "" {
			return nil, errors.New("it never had a revision: rerun it without --same-revision")
		}
		spec.DefinitionRef.Revision = ended.Status.Revision
	}
	return fresh, nil
}

// nextName is order-1-rerun-1 for order-1, and order-1-rerun-2 for that.
func nextName(name string) string {
	base, number := name, 0
	if match := rerunName.FindStringSubmatch(name); match != nil {
		if n, err := strconv.Atoi(match[2]); err == nil {
			base, number = match[1], n
		}
	}
	suffix := fmt.Sprintf("-rerun-%d", number+1)
	return shorten(base, maxName-len(suffix)) + suffix
}

func shorten(text string, length int) string {
	if len(text) <= length {
		return text
	}
	return strings.TrimRight(text[:length], "-.")
}

// managers begin the labels by which Git tools know what they manage: a rerun is nobody's but the person's who asked for it.
var managers = []string{"argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by"}

func ownLabels(labels map[string]string) map[string]string {
	own := map[string]string{}
	for key, value := range labels {
		managed := false
		for _, prefix := range managers {
			managed = managed || strings.HasPrefix(key, prefix)
		}
		if !managed {
			own[key] = value
		}
	}
	return own
}
