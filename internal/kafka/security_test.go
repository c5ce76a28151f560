package kafka_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sagas-dev/saga-operator/internal/kafka"
)

// file writes a mounted file anew and returns its name.
func file(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certify makes a certificate for localhost that is its own authority.
func certify(t *testing.T) (pair tls.Certificate, certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	keyPEM = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}))
	pair, err = tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
	if err != nil {
		t.Fatal(err)
	}
	return pair, certPEM, keyPEM
}

func TestABrokerThatAsksForUserAndCertificateIsReached(t *testing.T) {
	pair, certPEM, keyPEM := certify(t)
	authority := x509.NewCertPool()
	authority.AppendCertsFromPEM([]byte(certPEM))
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(mechanism, "operator", "secret"),
				kfake.SeedTopics(1, "topic"), kfake.TLS(&tls.Config{
					Certificates: []tls.Certificate{pair}, ClientCAs: authority, ClientAuth: tls.RequireAndVerifyClientCert,
				}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(broker.Close)
			dir := t.TempDir()
			client, err := kafka.Connect(kafka.Config{
				Brokers: broker.ListenAddrs(), SASL: mechanism, UsernameFile: file(t, dir, "user", "operator\n"), PasswordFile: file(t, dir, "password", "wrong"),
				CAFile: file(t, dir, "ca.crt", certPEM), CertFile: file(t, dir, "tls.crt", certPEM), KeyFile: file(t, dir, "tls.key", keyPEM),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			if _, err := client.Topics(t.Context(), "topic"); err == nil {
				t.Fatal("a wrong password was taken")
			}
			file(t, dir, "password", "secret\n") // the mounted secret is put right while the program runs
			eventuallySeen(t, client)
		})
	}
}

func eventuallySeen(t *testing.T, client *kafka.Client) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		topics, err := client.Topics(t.Context(), "topic")
		if err == nil && topics["topic"] == (kafka.Topic{Exists: true, Partitions: 1}) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("saw %v, %v", topics, err)
		}
	}
}

func TestABrokerWithAForeignCertificateIsNotTrusted(t *testing.T) {
	pair, _, _ := certify(t)
	_, foreign, _ := certify(t)
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	client, err := kafka.Connect(kafka.Config{Brokers: broker.ListenAddrs(), CAFile: file(t, t.TempDir(), "ca.crt", foreign)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	var untrusted x509.UnknownAuthorityError
	if _, err := client.Topics(t.Context(), "topic"); !errors.As(err, &untrusted) {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationsThatCannotWorkAreRefusedAtOnce(t *testing.T) {
	for name, cfg := range map[string]kafka.Config{
		"no broker":                     {},
		"a certificate without its key": {Brokers: []string{"b:9092"}, CertFile: "tls.crt"},
		"an unknown mechanism":          {Brokers: []string{"b:9092"}, SASL: "GSSAPI", UsernameFile: "u", PasswordFile: "p"},
		"SASL without a password":       {Brokers: []string{"b:9092"}, SASL: "PLAIN", UsernameFile: "u"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := kafka.Connect(cfg); !errors.Is(err, kafka.ErrConfig) {
				t.Errorf("got %v", err)
			}
		})
	}
}
