package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"

	"github.com/segmentio/kafka-go"
)

// Reason says for people why the broker cannot be used, and which setting decides about it. The same cause always has the same
// words: no port or address that differs from one try to the next, so that who logs changes only has one line for each.
func Reason(err error) string {
	for _, reason := range []func(error) string{ofFiles, ofTLS, ofSASL, ofNetwork} {
		if text := reason(err); text != "" {
			return text
		}
	}
	return "the broker does not answer: " + err.Error()
}

func ofFiles(err error) string {
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return fmt.Sprintf("cannot read %s: %v", path.Path, path.Err)
	case errors.Is(err, errUnsettled):
		return errUnsettled.Error()
	case errors.Is(err, ErrConfig):
		return err.Error()
	}
	return ""
}

func ofTLS(err error) string {
	var (
		verification *tls.CertificateVerificationError
		hostname     x509.HostnameError
		record       tls.RecordHeaderError
		alert        tls.AlertError
		remote       *net.OpError
	)
	switch {
	case errors.As(err, &hostname):
		return "the broker's certificate is not for the name that --kafka-brokers or the broker itself gives: " + hostname.Error()
	case errors.As(err, &verification):
		return "the broker's certificate is not trusted (--kafka-ca-file): " + verification.Err.Error()
	case errors.As(err, &record), errors.Is(err, errHandshake) && cutOff(err):
		return "the broker does not speak TLS at this port (--kafka-tls)"
	case errors.As(err, &alert):
		return "the broker refuses the TLS connection, or its client certificate (--kafka-cert-file): " + alert.Error()
	case errors.As(err, &remote) && remote.Op == "remote error":
		return "the broker refuses the TLS connection, or its client certificate (--kafka-cert-file): " + remote.Err.Error()
	}
	return ""
}

func ofSASL(err error) string {
	switch {
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return "the broker refuses user name or password (--kafka-sasl-username-file, --kafka-sasl-password-file)"
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return "the broker does not take this SASL mechanism (--kafka-sasl-mechanism)"
	case errors.Is(err, kafka.IllegalSASLState):
		return "the broker wants a user and a password at this port (--kafka-sasl-mechanism)"
	}
	return ""
}

func ofNetwork(err error) string {
	var (
		lookup  *net.DNSError
		timeout net.Error
		number  syscall.Errno
	)
	switch {
	case errors.As(err, &lookup):
		return fmt.Sprintf("the broker does not answer: cannot look up %s: %s", lookup.Name, lookup.Err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the broker does not answer in time"
	case cutOff(err):
		return "the broker closes the connection: it may want TLS or SASL at this port (--kafka-tls, --kafka-sasl-mechanism)"
	case errors.As(err, &number):
		return "the broker does not answer: " + number.Error()
	}
	return ""
}

func cutOff(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}
