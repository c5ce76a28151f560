package participant

import (
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/sagas-dev/saga-operator/internal/kafka"
)

// Security says how far to trust the brokers, and what to show them. Files are read again for each connection, so that
// mounted secrets may change while the service runs. The zero value is a plain connection.
type Security struct {
	// TLS is implied by CAFile and CertFile.
	TLS bool
	// CAFile is a PEM file with the authorities that sign the brokers' certificates. Empty: the system's.
	CAFile string
	// CertFile and KeyFile are PEM files with the client certificate and its key. Both or none.
	CertFile, KeyFile string
	// SASL is empty, PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	SASL string
	// UsernameFile and PasswordFile are needed with SASL. White space around their content is ignored.
	UsernameFile, PasswordFile string
}

// connect makes what the Runner reads and writes through, where nobody else has.
func (r *Runner) connect() error {
	cfg := kafka.Config{
		Brokers: r.Brokers, ClientID: r.Group, DialTimeout: 10 * time.Second, MetadataTTL: 5 * time.Second,
		TLS: r.Security.TLS, CAFile: r.Security.CAFile, CertFile: r.Security.CertFile, KeyFile: r.Security.KeyFile,
		SASL: r.Security.SASL, UsernameFile: r.Security.UsernameFile, PasswordFile: r.Security.PasswordFile,
	}
	dialer, err := cfg.Dialer()
	if err != nil {
		return fmt.Errorf("participant: Security: %w", err)
	}
	transport, err := cfg.Transport()
	if err != nil {
		return fmt.Errorf("participant: Security: %w", err)
	}
	setDefault(&r.Dialer, dialer)
	setDefault(&r.Transport, transport)
	return nil
}

func setDefault[T kafkago.Dialer | kafkago.Transport](field **T, value *T) {
	if *field == nil {
		*field = value
	}
}
