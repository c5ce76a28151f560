package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// keysEvery is how often the files of the reply token's keys are read: a mounted secret changes about a minute after the
// secret does.
const keysEvery = 10 * time.Second

var errNotYet = errors.New("not looked at yet")

// orNotYet stands in for the reason of what was not tried yet.
func orNotYet(err error) error {
	if err == nil {
		return errNotYet
	}
	return err
}

// makeKeys makes the keys of reply tokens, which are read from their files before anything is signed and again all the time;
// what cannot be read leaves them as they were.
func (p *parts) makeKeys() (err error) {
	if p.cfg.InsecureTokenKey {
		p.log.Info("Signing reply tokens with a key that everybody knows: use it for development only")
		p.keys, err = wire.NewKeyring([]byte("insecure reply token key of installation "+p.cfg.Installation), nil)
		return err
	}
	p.keys = &wire.Keyring{}
	p.require("reply token keys", keysEvery, p.readKeys)
	return nil
}

func (p *parts) readKeys(context.Context) error {
	if err := p.keys.Load(p.cfg.TokenKeyFile, p.cfg.PreviousTokenKeyFile); err != nil {
		return fmt.Errorf("--reply-token-key-file, --reply-token-previous-key-file: %w", err)
	}
	return nil
}

// readKeysFirst reads the keys once more before a new leader does something: the last leader may have signed with one that this
// manager would have read only seconds later.
func (p *parts) readKeysFirst(ctx context.Context) {
	if p.cfg.InsecureTokenKey {
		return
	}
	if err := p.readKeys(ctx); err != nil {
		p.log.Info("Beginning with the reply token keys as they were", "reason", err.Error())
	}
}
