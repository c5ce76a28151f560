package kafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/sagas-dev/saga-operator/internal/kafka"
)

func TestTheReasonNamesTheCauseAndItsSettingAndNoPort(t *testing.T) {
	address := func(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: port} }
	reading := func(err error) error {
		return &net.OpError{Op: "read", Net: "tcp", Source: address(40001), Addr: address(9092), Err: err}
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"nobody listens":          {&net.OpError{Op: "dial", Net: "tcp", Addr: address(9092), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "does not answer: connection refused"},
		"a name that is none":     {&net.DNSError{Err: "no such host", Name: "kafka.shop", Server: "10.0.0.10:53"}, "cannot look up kafka.shop: no such host"},
		"an answer too late":      {reading(os.ErrDeadlineExceeded), "does not answer in time"},
		"no time left":            {context.DeadlineExceeded, "does not answer in time"},
		"an end of file":          {io.EOF, "closes the connection: it may want TLS or SASL at this port (--kafka-tls"},
		"a reset":                 {reading(syscall.ECONNRESET), "closes the connection"},
		"a foreign authority":     {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "certificate is not trusted (--kafka-ca-file): x509: certificate signed by unknown authority"},
		"another name":            {&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a"}}, Host: "b"}}, "not for the name"},
		"no TLS there":            {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "does not speak TLS at this port"},
		"no client certificate":   {&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, "(--kafka-cert-file): tls: certificate required"},
		"a wrong password":        {fmt.Errorf("%w: invalid credentials", kafkago.SASLAuthenticationFailed), "refuses user name or password"},
		"a mechanism not offered": {kafkago.UnsupportedSASLMechanism, "--kafka-sasl-mechanism"},
		"a file that is missing":  {&os.PathError{Op: "open", Path: "/etc/ca.crt", Err: syscall.ENOENT}, "cannot read /etc/ca.crt: no such file or directory"},
		"a file that holds none":  {fmt.Errorf("%w: /etc/ca.crt holds no certificate", kafka.ErrConfig), "/etc/ca.crt holds no certificate"},
		"what nobody thought of":  {errors.New("flux"), "does not answer: looking: flux"},
	} {
		t.Run(name, func(t *testing.T) {
			got := kafka.Reason(fmt.Errorf("looking: %w", test.err))
			if !strings.Contains(got, test.want) || strings.Contains(got, "40001") {
				t.Errorf("got %q, want %q in it", got, test.want)
			}
		})
	}
}
