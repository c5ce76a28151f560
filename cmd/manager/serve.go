package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	restconfig "sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sagas-dev/saga-operator/internal/clockskew"
	"github.com/sagas-dev/saga-operator/internal/config"
	"github.com/sagas-dev/saga-operator/internal/telemetry"
	"github.com/sagas-dev/saga-operator/internal/version"
)

// serve runs the manager until ctx is done.
func serve(ctx context.Context, cfg config.Config, log logr.Logger) (err error) {
	log.Info("Starting", "version", version.Number(), "commit", version.Commit(), "go", runtime.Version(), "installation", cfg.Installation)
	api, err := apiConfig(cfg)
	if err != nil {
		return err
	}
	measured := telemetry.NewMetrics(metrics.Registry, version.Number())
	guard, err := newGuard(api, measured, log)
	if err != nil {
		return err
	}
	mgr, err := newManager(cfg, api, guard, log)
	if err != nil {
		return err
	}
	parts, err := assemble(mgr, cfg, measured, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.close()) }()
	probes := probes{{"clock", guard.Err}, {"topics", parts.topics.Ready}, {"replies", parts.heard(mgr.Elected())}}
	if err := probes.serve(mgr, cfg.ProbeAddress, log); err != nil {
		return err
	}
	if err := mgr.Add(guard); err != nil {
		return fmt.Errorf("adding the clock's guard: %w", err)
	}
	if err := warm(ctx, mgr.GetCache(), cfg.OrderWorkflows); err != nil {
		return err
	}
	if !cfg.LeaderElect {
		if err := guard.Lead(ctx); err != nil {
			return fmt.Errorf("waiting for the clock: %w", err)
		}
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("running the manager: %w", err)
	}
	return nil
}

// apiConfig says how to reach the API server. Without a limit of our own, its priority and fairness shares it out.
func apiConfig(cfg config.Config) (api *rest.Config, err error) {
	if cfg.Kubeconfig != "" {
		api, err = clientcmd.BuildConfigFromFlags("", cfg.Kubeconfig)
	} else {
		api, err = restconfig.GetConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("finding the API server (--kubeconfig): %w", err)
	}
	api.UserAgent = "saga-operator/" + version.Number()
	api.QPS, api.Burst = cfg.QPS, cfg.Burst
	if api.QPS > 0 && api.Burst == 0 {
		api.Burst = int(2 * api.QPS)
	}
	return api, nil
}

func newGuard(api *rest.Config, measured *telemetry.Metrics, log logr.Logger) (*clockskew.Guard, error) {
	meter, err := clockskew.NewMeter(api, time.Now)
	if err != nil {
		return nil, err
	}
	return clockskew.NewGuard(clockskew.Options{
		Offset: meter.Offset, Observe: measured.Clock, Log: log.WithName("clock"),
	}), nil
}

// newManager makes the manager, without anything to run.
func newManager(cfg config.Config, api *rest.Config, guard *clockskew.Guard, log logr.Logger) (ctrl.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	options := managerOptions(cfg, scheme, log)
	if cfg.LeaderElect {
		lease, err := newLease(cfg, api)
		if err != nil {
			return nil, err
		}
		options.LeaderElectionResourceLockInterface = guard.Lock(lease)
	}
	mgr, err := ctrl.NewManager(api, options)
	if err != nil {
		return nil, fmt.Errorf("making the manager: %w", err)
	}
	return mgr, nil
}
