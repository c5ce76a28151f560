package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// errHandshake says that it was TLS that failed.
var errHandshake = errors.New("TLS handshake")

// dial opens one connection. TLS is done here, not by the library, since the files may have changed since the
// last one.
func (c Config) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil || !c.TLS {
		return conn, err
	}
	settings, err := c.tlsSettings(address)
	if err == nil {
		secured := tls.Client(conn, settings)
		if err = secured.HandshakeContext(ctx); err == nil {
			return secured, nil
		}
		err = fmt.Errorf("%w: %w", errHandshake, err)
	}
	if closeErr := conn.Close(); closeErr != nil {
		err = fmt.Errorf("%w (and closing: %w)", err, closeErr)
	}
	return nil, fmt.Errorf("securing the connection to %s: %w", address, err)
}

func (c Config) tlsSettings(address string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := together(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the CA: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem[0]) {
			return nil, fmt.Errorf("%w: %s holds no certificate", ErrConfig, c.CAFile)
		}
	}
	if c.CertFile != "" {
		files, err := together(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading the client certificate: %w", err)
		}
		pair, err := tls.X509KeyPair(files[0], files[1])
		if err != nil {
			return nil, fmt.Errorf("%w: client certificate %s with key %s: %w", ErrConfig, c.CertFile, c.KeyFile, err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}

// mechanisms makes a SASL mechanism from a user name and a password.
var mechanisms = map[string]func(user, password string) (sasl.Mechanism, error){
	"PLAIN": func(user, password string) (sasl.Mechanism, error) {
		return plain.Mechanism{Username: user, Password: password}, nil
	},
	"SCRAM-SHA-256": func(user, password string) (sasl.Mechanism, error) {
		return scram.Mechanism(scram.SHA256, user, password)
	},
	"SCRAM-SHA-512": func(user, password string) (sasl.Mechanism, error) {
		return scram.Mechanism(scram.SHA512, user, password)
	},
}

// fromFiles is a SASL mechanism that reads its credentials for every connection.
type fromFiles struct{ Config }

// Name is what the broker calls the mechanism.
func (f fromFiles) Name() string { return f.SASL }

// Start begins the authentication of one connection.
func (f fromFiles) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	files, err := together(f.UsernameFile, f.PasswordFile)
	if err != nil {
		return nil, nil, fmt.Errorf("reading user name and password: %w", err)
	}
	user, password := strings.TrimSpace(string(files[0])), strings.TrimSpace(string(files[1]))
	if user == "" || password == "" {
		return nil, nil, fmt.Errorf("%w: %s or %s is empty", ErrConfig, f.UsernameFile, f.PasswordFile)
	}
	mechanism, err := mechanisms[f.SASL](user, password)
	if err != nil {
		return nil, nil, fmt.Errorf("preparing %s: %w", f.SASL, err)
	}
	return mechanism.Start(ctx)
}

// Transport returns what the library's writers and clients connect through. It opens no connection.
//
// Errors: ErrConfig.
func (c Config) Transport() (*kafka.Transport, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	transport := &kafka.Transport{
		Dial:        c.dial,
		DialTimeout: c.DialTimeout,
		IdleTimeout: 30 * time.Second,
		MetadataTTL: c.MetadataTTL,
		ClientID:    c.ClientID,
	}
	if c.SASL != "" {
		transport.SASL = fromFiles{c}
	}
	return transport, nil
}

// Dialer returns what the library's readers and consumer groups connect through. It opens no connection.
//
// Errors: ErrConfig.
func (c Config) Dialer() (*kafka.Dialer, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	dialer := &kafka.Dialer{Timeout: c.DialTimeout, ClientID: c.ClientID, DialFunc: c.dial}
	if c.SASL != "" {
		dialer.SASLMechanism = fromFiles{c}
	}
	return dialer, nil
}
