package config

import (
	"errors"
	"net"
	"slices"

	"github.com/spf13/pflag"

	"github.com/sagas-dev/saga-operator/internal/kafka"
)

// Kafka is how to reach the brokers, as flags say it: the same ones in every program that talks to Kafka. Files are read when a
// connection is opened, so that mounted secrets may change and need not be there when the program starts.
type Kafka struct {
	Brokers      []string // host:port
	TLS          bool     // implied by CAFile and CertFile
	CAFile       string   // PEM; empty: the system's
	CertFile     string   // PEM, with KeyFile
	KeyFile      string   // PEM
	SASL         string   // "", PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	UsernameFile string
	PasswordFile string
}

// AddFlags declares the flags of the connection. What they hold is to be checked after parsing.
func (k *Kafka) AddFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&k.Brokers, "kafka-brokers", nil,
		"`host:port` of Kafka brokers to start from, with commas between. Required")
	flags.BoolVar(&k.TLS, "kafka-tls", false,
		"talk to the brokers over TLS. Implied by --kafka-ca-file and --kafka-cert-file")
	flags.StringVar(&k.CAFile, "kafka-ca-file", "",
		"PEM `file` with the authorities that sign the brokers' certificates. Empty: the system's")
	flags.StringVar(&k.CertFile, "kafka-cert-file", "",
		"PEM `file` with the client certificate. Needs --kafka-key-file. Read again for each connection, as are the other files")
	flags.StringVar(&k.KeyFile, "kafka-key-file", "",
		"PEM `file` with the client certificate's private key")
	flags.StringVar(&k.SASL, "kafka-sasl-mechanism", "",
		"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Empty: no SASL")
	flags.StringVar(&k.UsernameFile, "kafka-sasl-username-file", "",
		"`file` with the user's name. Needed for SASL")
	flags.StringVar(&k.PasswordFile, "kafka-sasl-password-file", "",
		"`file` with the user's password. Needed for SASL")
}

// mechanisms of SASL that internal/kafka knows.
var mechanisms = []string{"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// Check returns all that is wrong, one line for each flag. It opens no file.
func (k Kafka) Check() error {
	var errs []error
	if len(k.Brokers) == 0 {
		errs = append(errs, wrong("kafka-brokers", "at least one host:port is required"))
	}
	for _, broker := range k.Brokers {
		if host, port, err := net.SplitHostPort(broker); err != nil || host == "" || !isPort(port, 1) {
			errs = append(errs, wrong("kafka-brokers", "must be host:port with a port from 1 to 65535, is %q", broker))
		}
	}
	if (k.CertFile == "") != (k.KeyFile == "") {
		errs = append(errs, wrong("kafka-cert-file", "needs --kafka-key-file, and the other way round"))
	}
	if !slices.Contains(mechanisms, k.SASL) {
		errs = append(errs, wrong("kafka-sasl-mechanism", "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, is %q", k.SASL))
	}
	if k.SASL != "" && (k.UsernameFile == "" || k.PasswordFile == "") {
		errs = append(errs, wrong("kafka-sasl-mechanism", "needs --kafka-sasl-username-file and --kafka-sasl-password-file"))
	}
	if k.SASL == "" && (k.UsernameFile != "" || k.PasswordFile != "") {
		errs = append(errs, wrong("kafka-sasl-mechanism", "is needed with --kafka-sasl-username-file and --kafka-sasl-password-file"))
	}
	return errors.Join(errs...)
}

// Client returns the configuration of a client; clientID is shown in the brokers' logs and quotas.
func (k Kafka) Client(clientID string) kafka.Config {
	return kafka.Config{
		Brokers: k.Brokers, ClientID: clientID,
		TLS: k.TLS, CAFile: k.CAFile, CertFile: k.CertFile, KeyFile: k.KeyFile,
		SASL: k.SASL, UsernameFile: k.UsernameFile, PasswordFile: k.PasswordFile,
	}
}
