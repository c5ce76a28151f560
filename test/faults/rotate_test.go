package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// documentedACLs are the permissions that docs/operations.md lists, for the users operator and service.
func documentedACLs(t *testing.T, values map[string]string) (acls []kafkatest.ACL) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(raw), "<!-- acls: read by test/faults -->")
	table, _, ended := strings.Cut(table, "<!-- end of acls -->")
	if !found || !ended {
		t.Fatal("docs/operations.md has no table of permissions")
	}
	rows := strings.Split(strings.TrimSpace(table), "\n")[2:]
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 4 {
			t.Fatalf("a row that is none: %q", row)
		}
		name := strings.Trim(cells[2], "`")
		for placeholder, value := range values {
			name = strings.ReplaceAll(name, "<"+placeholder+">", value)
		}
		if strings.Contains(name, "<") {
			continue // of what this user has none
		}
		acls = append(acls, kafkatest.ACL{User: cells[0], Resource: cells[1], Name: name, Operation: cells[3]})
	}
	return acls
}

// of keeps those of one user of the documentation, for a user of that name.
func of(acls []kafkatest.ACL, user, name string) (mine []kafkatest.ACL) {
	for _, acl := range acls {
		if acl.User == user {
			acl.User = name
			mine = append(mine, acl)
		}
	}
	return mine
}

// guarded is a stage on an Apache Kafka that asks who comes and lets nobody do more than is documented.
type guarded struct {
	*company
	kafka   *kafkatest.Secured
	secrets map[string]*kafkatest.Mount // by program: username, password, ca.crt
	keys    *kafkatest.Mount            // of reply tokens: key, previous
}

func guard(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{kafka: kafkatest.StartSecured(t, kafkatest.SecuredOptions{Reauthenticate: 4 * time.Second}), secrets: map[string]*kafkatest.Mount{}}
	for _, user := range append([]string{"manager"}, stage.Services...) {
		g.kafka.SetPassword(t, user, "first")
		g.secrets[user] = kafkatest.NewMount(t, map[string]string{"username": user, "password": "first", "ca.crt": g.kafka.Authority.PEM})
	}
	g.keys = kafkatest.NewMount(t, map[string]string{"key": secretKey(t)})
	name := kafkatest.Name("guarded")
	g.grant(t, name)
	s := setWith(t, stage.Options{
		Broker: g.kafka.SASL(), Admin: g.kafka.Addr(), Installation: name, Topics: name + ".", Latency: 50 * time.Millisecond, Flags: g.flags,
	})
	g.company = &company{t: t, s: s, health: map[string]string{}}
	return g
}

// grant grants what is documented.
func (g *guarded) grant(t *testing.T, installation string) {
	t.Helper()
	for _, service := range stage.Services {
		acls := documentedACLs(t, map[string]string{"installation": installation, "commands": installation + "." + service + ".commands", "group": service})
		g.kafka.Grant(t, of(acls, "service", service)...)
		g.kafka.Grant(t, of(acls, "operator", "manager")...)
	}
}

func (g *guarded) flags(program string) []string {
	secret := g.secrets[program]
	flags := []string{
		"--kafka-ca-file", secret.File("ca.crt"), "--kafka-sasl-mechanism", "SCRAM-SHA-512",
		"--kafka-sasl-username-file", secret.File("username"), "--kafka-sasl-password-file", secret.File("password"),
	}
	if program == "manager" {
		flags = append(flags, "--reply-token-key-file", g.keys.File("key"), "--reply-token-previous-key-file", g.keys.File("previous"))
	}
	return flags
}

func secretKey(t *testing.T) string {
	t.Helper()
	secret, err := wire.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	return string(secret)
}

// refused waits until a manager says that it is. While all is well it looks at its topics every 30 s.
func (g *guarded) refused(name string) {
	g.t.Helper()
	for deadline := time.Now().Add(75 * time.Second); ; time.Sleep(50 * time.Millisecond) { // between two polls
		text, ready := g.readyz(name)
		if !ready && strings.Contains(text, "topics: the broker refuses user name or password") {
			return
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("%s does not say that it is refused, but: %s", name, text)
		}
	}
}

// ready waits until a manager leads, and can read replies.
func (g *guarded) ready(name string) { g.t.Helper(); g.await(name, "work: leads") }

// read is how long a manager may take to read its keys again, and more.
const read = 13 * time.Second

func TestCredentialsAndKeysAreRotatedWhileOrdersAreInFlight(t *testing.T) {
	aside(t)
	g := guard(t)
	g.start("manager")
	g.ready("manager")
	const n = 250
	failed := make(chan error, 1)
	go func() { failed <- orders(t.Context(), g.s, n, 100*time.Second) }()
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"the password: the broker first, then the Secret", func() {
			g.kafka.SetPassword(t, "manager", "second")
			g.refused("manager")
			g.secrets["manager"].Set(t, map[string]string{"password": "second"})
		}},
		{"the password: the Secret first, then the broker", func() {
			g.secrets["manager"].Set(t, map[string]string{"password": "third"})
			g.refused("manager")
			g.kafka.SetPassword(t, "manager", "third")
		}},
		{"the passwords of the services", func() {
			for _, service := range stage.Services {
				g.kafka.SetPassword(t, service, "second")
				g.secrets[service].Set(t, map[string]string{"password": "second"})
			}
		}},
		{"the authority: the new one beside the old one, then the broker's certificate, then without the old one", func() {
			next := kafkatest.NewAuthority(t)
			for _, secret := range g.secrets {
				secret.Set(t, map[string]string{"ca.crt": g.kafka.Authority.PEM + next.PEM})
			}
			g.kafka.Replace(t, next)
			for _, secret := range g.secrets {
				secret.Set(t, map[string]string{"ca.crt": next.PEM})
			}
		}},
		{"the reply token's key, in three steps, with a new leader in each", func() { g.rotateKey(true) }},
		{"the reply token's key, in one step", func() { g.rotateKey(false) }},
	} {
		began := time.Now()
		step.do()
		g.ready("manager")
		t.Logf("%s: %.1fs", step.what, time.Since(began).Seconds())
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	ended(t, g.s, n, 3*time.Minute)
	balanced(t, g.s)
	for partition, end := range g.kafka.Ends(t, wire.DeadLettersTopic(g.s.Installation)) {
		if end != 0 {
			t.Errorf("%d replies of partition %d were refused or kept as dead letters", end, partition)
		}
	}
}

// rotateKey replaces the key as operations.md says: carefully in three steps, each of which another leader takes over; or in
// one, with one manager.
func (g *guarded) rotateKey(carefully bool) {
	g.t.Helper()
	raw, err := os.ReadFile(g.keys.File("key"))
	if err != nil {
		g.t.Fatal(err)
	}
	old, next := string(raw), secretKey(g.t)
	defer g.signsWith(next)
	if !carefully {
		g.keys.Set(g.t, map[string]string{"key": next, "previous": old})
		return
	}
	for _, files := range []map[string]string{{"key": old, "previous": next}, {"key": next, "previous": old}} {
		g.keys.Set(g.t, files)
		g.s.Crew.Kill("manager")
		g.start("manager")
		g.ready("manager")
		time.Sleep(read)
	}
	g.keys.Remove(g.t, "previous")
}

// signsWith waits until a command carries a token of that key.
func (g *guarded) signsWith(secret string) {
	g.t.Helper()
	keys, err := wire.NewKeyring([]byte(secret), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	key, _, _ := strings.Cut(keys.Token(wire.Command{}), ".")
	topic := g.s.Topics + stage.Services[0] + ".commands"
	kafkatest.Eventually(g.t, "a command that is signed with the new key", func() bool {
		sent := 0
		for _, end := range g.kafka.Ends(g.t, topic) {
			sent += int(end)
		}
		for _, m := range g.kafka.Consume(g.t, topic, sent) {
			for _, h := range m.Headers {
				if strings.HasPrefix(string(h.Value), key+".") {
					return true
				}
			}
		}
		return false
	})
}
