package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
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
	p, err := prepare(cfg, api, telemetry.NewMetrics(metrics.Registry, version.Number()), log)
	if err != nil {
		return err
	}
	defer p.close()
	stop, err := p.probes().serve(cfg.ProbeAddress, log)
	if err != nil {
		return err
	}
	defer stop()
	ctx, end := context.WithCancelCause(ctx)
	watching := p.watch(ctx, end)
	err = p.manage(ctx, api)
	if err == nil && !errors.Is(context.Cause(ctx), context.Canceled) {
		err = context.Cause(ctx)
	}
	end(nil)
	watching.Wait()
	return err
}

// watch looks at the clock, the topics and what is required, as long as the process lives. end is called with what makes it
// impossible to go on.
func (p *parts) watch(ctx context.Context, end context.CancelCauseFunc) *sync.WaitGroup {
	watching := &sync.WaitGroup{}
	for _, start := range append([]func(context.Context) error{p.guard.Start, p.topics.Start}, p.looks()...) {
		watching.Go(func() {
			if err := start(ctx); err != nil {
				end(err)
			}
		})
	}
	return watching
}

func (p *parts) looks() (looks []func(context.Context) error) {
	for _, r := range p.required {
		looks = append(looks, r.run)
	}
	return looks
}

// manage waits for what is required and then runs the manager, until ctx is done.
func (p *parts) manage(ctx context.Context, api *rest.Config) error {
	for _, r := range p.required {
		if !r.await(ctx) {
			return nil
		}
	}
	mgr, err := p.newManager(api)
	if err != nil {
		return err
	}
	if err := p.assemble(mgr); err != nil {
		return err
	}
	if err := warm(ctx, mgr.GetCache(), p.cfg.OrderWorkflows); err != nil {
		return err
	}
	p.started.Store(&mgr)
	if !p.cfg.LeaderElect {
		if err := p.guard.Lead(ctx); err != nil {
			return nil //nolint:nilerr // ctx was done before the clock was fine
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
func (p *parts) newManager(api *rest.Config) (ctrl.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	options := managerOptions(p.cfg, scheme, p.log.WithSink(quiet{p.log.GetSink()}))
	options.Cache.DefaultWatchErrorHandler = p.watchBroke
	if p.cfg.LeaderElect {
		lock, err := newLease(p.cfg, api)
		if err != nil {
			return nil, err
		}
		p.lease = &lease{
			Interface: lock, log: p.log.WithName("lease"), away: p.lookAgain,
			working: func() bool { return p.sending.Load() > 0 },
		}
		options.LeaderElectionResourceLockInterface = p.guard.Lock(p.lease)
	}
	mgr, err := ctrl.NewManager(api, options)
	if err != nil {
		return nil, fmt.Errorf("making the manager: %w", err)
	}
	return mgr, nil
}

// watchBroke has the requirements looked at when the cache loses a watch. They tell why, once; the library would at each try.
func (p *parts) watchBroke(_ context.Context, _ *toolscache.Reflector, err error) {
	p.log.V(1).Info("A watch of the cache ended, and begins again", "reason", err.Error())
	p.lookAgain()
}

// lookAgain asks for a look at all that is required.
func (p *parts) lookAgain() {
	for _, r := range p.required {
		r.look()
	}
}
