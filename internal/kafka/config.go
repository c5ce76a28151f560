// Package kafka is the edge to the broker: sending messages, reading the reply topic, looking at topics. Only this
// package knows the client library; the others use its verbs and errors. No retry policy hides in it: what is to
// be sent again follows from the status of sagas. Only the reader, whose work never ends, tries again by itself.
package kafka

import (
	"errors"
	"fmt"
	"time"
)

// Config says how to reach the broker. Files are read again for every new connection, so that mounted secrets may
// change while the program runs.
type Config struct {
	Brokers        []string         // host:port, at least one
	ClientID       string           // shown in the broker's logs and quotas
	TLS            bool             // implied by CAFile and CertFile
	CAFile         string           // PEM; empty: the system's roots
	CertFile       string           // PEM; client certificate, with KeyFile
	KeyFile        string           // PEM
	SASL           string           // "", PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	UsernameFile   string           // white space around its content is ignored
	PasswordFile   string           // likewise
	DialTimeout    time.Duration    // of a connection with TLS and SASL; 5 s by default
	RequestTimeout time.Duration    // of one request; 10 s by default
	MetadataTTL    time.Duration    // how old the picture of topics and leaders may be; 10 s by default
	Now            func() time.Time // the clock; time.Now by default
}

func (c Config) withDefaults() Config {
	c.TLS = c.TLS || c.CAFile != "" || c.CertFile != ""
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&c.DialTimeout, 5 * time.Second}, {&c.RequestTimeout, 10 * time.Second}, {&c.MetadataTTL, 10 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// check refuses what cannot work, with all reasons at once. It opens no file: they may be mounted later.
func (c Config) check() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("no broker is named"))
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("a client certificate needs both its file and its key's"))
	}
	if _, known := mechanisms[c.SASL]; c.SASL != "" && !known {
		errs = append(errs, fmt.Errorf("SASL mechanism %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", c.SASL))
	}
	if c.SASL != "" && (c.UsernameFile == "" || c.PasswordFile == "") {
		errs = append(errs, errors.New("SASL needs the files of user name and password"))
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w: %w", ErrConfig, errors.Join(errs...))
	}
	return nil
}
