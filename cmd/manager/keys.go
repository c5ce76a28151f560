package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// keysEvery is how often the files of the reply token's keys are read: a mounted secret changes about a minute after the
// secret does.
const keysEvery = 10 * time.Second

var errNotYet = errors.New("not tried yet")

// orNotYet stands in for the reason of what was not tried yet.
func orNotYet(err error) error {
	if err == nil {
		return errNotYet
	}
	return err
}

// makeKeys loads the keys of reply tokens and keeps them as their files are.
func (p *parts) makeKeys() (err error) {
	if p.cfg.InsecureTokenKey {
		p.log.Info("Signing reply tokens with a key that everybody knows: use it for development only")
		p.keys, err = wire.NewKeyring([]byte("insecure reply token key of installation "+p.cfg.Installation), nil)
		return err
	}
	current, previous := p.cfg.TokenKeyFile, p.cfg.PreviousTokenKeyFile
	if p.keys, err = wire.LoadKeyring(current, previous); err != nil {
		return fmt.Errorf("loading reply token keys (--reply-token-key-file): %w", err)
	}
	reload := reloader{load: func() error { return p.keys.Load(current, previous) }, every: keysEvery, log: p.log.WithName("keys")}
	if err := p.mgr.Add(reload); err != nil {
		return fmt.Errorf("adding the reading of keys: %w", err)
	}
	return nil
}

// reloader loads something again and again; a failure leaves it as it was.
type reloader struct {
	load  func() error
	every time.Duration
	log   logr.Logger
}

var _ manager.LeaderElectionRunnable = reloader{}

// NeedLeaderElection says that keys are read in every manager: the next leader needs them at once.
func (r reloader) NeedLeaderElection() bool { return false }

// Start loads until ctx is done.
func (r reloader) Start(ctx context.Context) error {
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := r.load()
		if err != nil && !failed {
			r.log.Error(err, "Keeping the reply token keys as they are")
		}
		failed = err != nil
	}
}
