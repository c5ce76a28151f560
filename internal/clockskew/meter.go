// Package clockskew compares this machine's clock with the API server's, and keeps a manager whose clock is off from
// leading: deadlines and timeouts in status are read by whoever leads next.
package clockskew

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"k8s.io/client-go/rest"
)

// ErrNoDate says that an answer had no usable date.
var ErrNoDate = errors.New("the answer has no date")

// maxRoundTrip bounds what is taken for a measurement: a slower answer says too little about the clock.
const maxRoundTrip = 2 * time.Second

// resolution is that of the Date header, which cuts off what is left of the second.
const resolution = time.Second

// Meter measures how far this machine's clock is from the API server's.
type Meter struct {
	client *http.Client
	url    string
	now    func() time.Time
}

// NewMeter makes a meter of the API server of cfg. now is this machine's clock.
func NewMeter(cfg *rest.Config, now func() time.Time) (*Meter, error) {
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("reading the API server's address: %w", err)
	}
	return newMeter(client, base, now), nil
}

func newMeter(client *http.Client, base *url.URL, now func() time.Time) *Meter {
	return &Meter{client: client, url: base.JoinPath("/version").String(), now: now}
}

// Offset is how far this machine's clock is ahead of the API server's (negative: behind), at least: what the round trip
// and the date's resolution of a second leave open counts in the clock's favour. Whether the answer is a refusal does not
// matter, since it has a date all the same.
//
// Errors: ErrNoDate, and whatever keeps the API server from answering.
func (m *Meter) Offset(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*maxRoundTrip)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url, nil)
	if err != nil {
		return 0, fmt.Errorf("asking for the API server's time: %w", err)
	}
	sent := m.now()
	response, err := m.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("asking for the API server's time: %w", err)
	}
	trip := m.now().Sub(sent)
	defer func() { _ = response.Body.Close() }() // it was only read
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)); err != nil {
		return 0, fmt.Errorf("reading the API server's answer: %w", err)
	}
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoDate, err)
	}
	if trip > maxRoundTrip {
		return 0, fmt.Errorf("asking for the API server's time took %s", trip.Round(time.Millisecond))
	}
	return atLeast(sent.Add(trip/2).Sub(date.Add(resolution/2)), trip/2+resolution/2), nil
}

// atLeast takes from the measured offset what may be the measurement's own error.
func atLeast(measured, open time.Duration) time.Duration {
	switch {
	case measured > open:
		return measured - open
	case measured < -open:
		return measured + open
	}
	return 0
}
