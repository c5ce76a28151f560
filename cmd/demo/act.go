package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// apply applies what a kustomization has, and says how much that is.
func (d *demo) apply(ctx context.Context, folder string) error {
	out, err := d.kubectlOutput(ctx, "apply", "-o", "name", "-k", folder)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	d.screen.say("$ kubectl apply -k %s   # %d objects", folder, len(strings.Fields(string(out))))
	return nil
}

// tell publishes an event as a service does.
func (d *demo) tell(ctx context.Context, participant, event, about string, data map[string]any, more ...wire.Header) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	kind := participant + "." + event
	m := wire.Message{Topic: participant + ".events", Key: []byte(about), Value: raw, Headers: more}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", about + "/" + kind}, {"ce_source", "/demo"}, {"ce_type", kind},
		{"ce_correlationid", about}, {"content-type", "application/json"},
	} {
		m.Headers = append(m.Headers, wire.Header{Key: h[0], Value: []byte(h[1])})
	}
	broker, err := kafka.Connect(kafka.Config{Brokers: []string{d.broker}, ClientID: "demo"})
	if err != nil {
		return err
	}
	defer broker.Close()
	producer := kafka.NewProducer(broker)
	d.screen.say("event %s %s", kind, raw)
	return errors.Join(producer.Send(ctx, []wire.Message{m}), producer.Close())
}

// plugin runs kubectl saga, and shows command and output.
func (d *demo) plugin(ctx context.Context, args ...string) error {
	d.screen.say("$ kubectl saga %s", typed(args))
	cmd := exec.CommandContext(ctx, d.bin.plugin, args...)
	cmd.Env = append(cmd.Environ(), "KUBECONFIG="+d.plane.Kubeconfig(), "PATH="+filepath.Dir(d.bin.plugin))
	out, err := cmd.CombinedOutput()
	d.screen.print(string(out))
	if err != nil {
		return fmt.Errorf("running kubectl saga %s: %w", args[0], whyEnded(ctx, err))
	}
	return nil
}

// typed are arguments as people would type them.
func typed(args []string) string {
	words := slices.Clone(args)
	for i, arg := range words {
		if strings.ContainsAny(arg, " '") {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// untilStep waits until a step of a saga is in a state.
func (d *demo) untilStep(ctx context.Context, saga, step string, state v1alpha1.StepState) error {
	return poll(ctx, saga+" to be at "+step, func() (bool, error) {
		s := &v1alpha1.Saga{}
		if err := d.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: saga}, s); err != nil {
			return false, fmt.Errorf("reading %s: %w", saga, whyEnded(ctx, err))
		}
		return stateOf(s, step) == state, nil
	})
}

func stateOf(s *v1alpha1.Saga, step string) v1alpha1.StepState {
	i := slices.IndexFunc(s.Status.Steps, func(st v1alpha1.StepStatus) bool { return st.Name == step })
	if i < 0 {
		return v1alpha1.StepNotStarted
	}
	return s.Status.Steps[i].State
}
