package kafkatest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Secured is an Apache Kafka that asks who comes: with SASL over TLS at one port, with a client certificate at another. It
// lets users do only what they are granted. The port without either is the administrator's: the cluster of the test.
type Secured struct {
	*Apache
	*Cluster
	Authority  *Authority // signs the broker's certificate, and the clients' that it takes
	sasl, mtls int
	issued     int
}

// SecuredOptions of a Secured. The zero value is a good one.
type SecuredOptions struct {
	// Reauthenticate is after how long a SASL connection ends unless its client has shown its credentials again, as
	// some providers demand. Zero: never.
	Reauthenticate time.Duration
	// Plain are users of mechanism PLAIN, with their passwords.
	Plain map[string]string
}

// StartSecured starts a broker of the test's own. It keeps its data while it is killed and started again.
func StartSecured(t testing.TB, o SecuredOptions) *Secured {
	t.Helper()
	s := &Secured{Authority: NewAuthority(t), sasl: FreePort(t), mtls: FreePort(t)}
	a := &Apache{host: "127.0.0.1", dir: t.TempDir(), port: FreePort(t), controller: FreePort(t)}
	s.Apache = a
	write(t, filepath.Join(a.dir, "extra.properties"), s.properties(o, s.newStore(t), s.trust(t)))
	t.Cleanup(func() { a.Kill(t) })
	a.Restart(t)
	s.Cluster = Use(t, a.Addr())
	return s
}

// SASL is the host:port of the listener for users with passwords, over TLS.
func (s *Secured) SASL() string { return net.JoinHostPort("localhost", strconv.Itoa(s.sasl)) }

// MTLS is the host:port of the listener for client certificates; the user is the certificate's common name.
func (s *Secured) MTLS() string { return net.JoinHostPort("localhost", strconv.Itoa(s.mtls)) }

func (s *Secured) properties(o SecuredOptions, store, trust string) string {
	var plain strings.Builder
	for user, password := range o.Plain {
		fmt.Fprintf(&plain, " user_%s=%q", user, password)
	}
	return strings.NewReplacer(
		"$plain", strconv.Itoa(s.port), "$controller", strconv.Itoa(s.controller), "$sasl", strconv.Itoa(s.sasl), "$mtls", strconv.Itoa(s.mtls),
		"$users", plain.String(), "$store", store, "$trust", trust, "$reauthenticate", strconv.FormatInt(o.Reauthenticate.Milliseconds(), 10),
	).Replace(`
listeners=PLAINTEXT://127.0.0.1:$plain,CONTROLLER://127.0.0.1:$controller,USERS://127.0.0.1:$sasl,CERTS://127.0.0.1:$mtls
advertised.listeners=PLAINTEXT://127.0.0.1:$plain,USERS://localhost:$sasl,CERTS://localhost:$mtls
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,USERS:SASL_SSL,CERTS:SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
listener.name.users.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.users.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.users.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required$users;
listener.name.users.ssl.keystore.type=PEM
listener.name.users.ssl.keystore.location=$store
listener.name.certs.ssl.keystore.type=PEM
listener.name.certs.ssl.keystore.location=$store
listener.name.certs.ssl.truststore.type=PEM
listener.name.certs.ssl.truststore.location=$trust
listener.name.certs.ssl.client.auth=required
listener.name.certs.ssl.principal.mapping.rules=RULE:^CN=([^,]*).*$/$1/
connections.max.reauth.ms=$reauthenticate
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
`)
}

// newStore issues a certificate for the broker and writes it where Kafka reads it.
func (s *Secured) newStore(t testing.TB) string {
	t.Helper()
	s.issued++
	pair := s.Authority.Issue(t, "localhost")
	path := filepath.Join(s.dir, fmt.Sprintf("store-%d.pem", s.issued))
	write(t, path, pair.Key+pair.Cert)
	return path
}

func (s *Secured) trust(t testing.TB) string {
	t.Helper()
	path := filepath.Join(s.dir, fmt.Sprintf("trust-%d.pem", s.issued))
	write(t, path, s.Authority.PEM)
	return path
}

// Replace gives the broker a certificate of another authority and, at the port for certificates, lets it trust that one only.
// Connections that exist stay.
func (s *Secured) Replace(t testing.TB, authority *Authority) {
	t.Helper()
	s.Authority = authority
	store := s.newStore(t)
	trust := s.trust(t)
	var changes []kadm.AlterConfig
	for name, value := range map[string]string{
		"listener.name.users.ssl.keystore.location": store, "listener.name.certs.ssl.keystore.location": store,
		"listener.name.certs.ssl.truststore.location": trust,
	} {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(value)})
	}
	responses, err := s.admin.AlterBrokerConfigs(patient(t), changes, 1)
	if err != nil {
		t.Fatalf("replacing the broker's certificate: %v", err)
	}
	for _, r := range responses {
		if r.Err != nil {
			t.Fatalf("replacing the broker's certificate: %v: %s", r.Err, r.ErrMessage)
		}
	}
}

// SetPassword makes a SCRAM user, or gives it another password, for both lengths of SCRAM. Connections that exist stay.
func (s *Secured) SetPassword(t testing.TB, user, password string) {
	t.Helper()
	for _, mechanism := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} { // Kafka takes one of a user at a time
		altered, err := s.admin.AlterUserSCRAMs(patient(t), nil, []kadm.UpsertSCRAM{
			{User: user, Mechanism: mechanism, Iterations: 4096, Password: password},
		})
		if err == nil {
			err = altered.Error()
		}
		if err != nil {
			t.Fatalf("setting the password of %s: %v", user, err)
		}
	}
}

// ACL allows a user one operation on a topic or a group.
type ACL struct {
	User      string
	Resource  string // topic or group
	Name      string
	Operation string // Read or Write
}

func (a ACL) builder(t testing.TB) *kadm.ACLBuilder {
	t.Helper()
	operation, known := map[string]kadm.ACLOperation{"Read": kadm.OpRead, "Write": kadm.OpWrite, "Create": kadm.OpCreate}[a.Operation]
	b := kadm.NewACLs().Allow("User:" + a.User).AllowHosts("*").Operations(operation).ResourcePatternType(kadm.ACLPatternLiteral)
	switch {
	case known && a.Resource == "topic":
		return b.Topics(a.Name)
	case known && a.Resource == "group":
		return b.Groups(a.Name)
	}
	t.Fatalf("no such permission: %+v", a)
	return nil
}

// Grant allows what is listed.
func (s *Secured) Grant(t testing.TB, acls ...ACL) {
	t.Helper()
	for _, acl := range acls {
		results, err := s.admin.CreateACLs(patient(t), acl.builder(t))
		if err != nil {
			t.Fatalf("granting %+v: %v", acl, err)
		}
		for _, r := range results {
			if r.Err != nil {
				t.Fatalf("granting %+v: %v: %s", acl, r.Err, r.ErrMessage)
			}
		}
	}
}

// Revoke takes permissions back.
func (s *Secured) Revoke(t testing.TB, acls ...ACL) {
	t.Helper()
	for _, acl := range acls {
		b := acl.builder(t)
		results, err := s.admin.DeleteACLs(patient(t), b)
		if err != nil {
			t.Fatalf("revoking %+v: %v", acl, err)
		}
		for _, r := range results {
			if r.Err != nil || len(r.Deleted) != 1 {
				t.Fatalf("revoking %+v: %v: %s, %d deleted", acl, r.Err, r.ErrMessage, len(r.Deleted))
			}
		}
	}
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// NeedsApache skips a test that only a real Apache Kafka can serve, where the tests run on the embedded broker.
func NeedsApache(t testing.TB) {
	t.Helper()
	if os.Getenv(BrokersEnv) == "" {
		t.Skipf("needs Apache Kafka: make test-kafka, or set %s", BrokersEnv)
	}
}
