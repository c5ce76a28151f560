package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// measure sets everything up, takes all measurements and takes everything down.
func measure(ctx context.Context, o options) (r *report, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b, err := set(ctx, cancel, o)
	if err != nil {
		return nil, whyEnded(ctx, err)
	}
	defer func() { err = errors.Join(err, b.strike()) }()
	r = newReport(o, time.Now())
	for _, part := range b.parts() {
		progress(part.name)
		if err := part.take(ctx, r); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, whyEnded(ctx, err))
		}
	}
	return r, nil
}

// part is one measurement.
type part struct {
	name string
	take func(context.Context, *report) error
}

// parts are the measurements, in their order: some need what those before them found.
func (b *bench) parts() []part {
	rules := part{"measuring what rules cost a status update", b.rules}
	if b.onlyRules {
		return []part{rules}
	}
	return []part{
		{"recording what the operator writes for one saga", b.record},
		{"measuring the API server's own limit", b.limits},
		rules,
		{"running sagas", b.speed},
		{"measuring the API server's own limit once more", b.limitAgain},
		{"starting sagas from events", b.starts},
		{"running sagas made by hand", b.byHand},
		{"running orders", b.orders},
		{"weighing finished sagas", b.weigh},
		{"letting sagas wait", b.wait},
	}
}

// whyEnded prefers the reason for which everything was ended, such as a process that died, to what came of that.
func whyEnded(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

var began = time.Now()

// progress tells on standard error what is done now: the table comes at the end.
func progress(what string) {
	fmt.Fprintf(os.Stderr, "%5.0f s  %s\n", time.Since(began).Seconds(), what)
}
