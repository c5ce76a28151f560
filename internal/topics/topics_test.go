package topics

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

var options = Options{
	Installation: "eu", OperatorPrincipal: "User:op", ServicePrincipal: "User:{namespace}-{participant}", ServiceGroup: "{participant}",
	Partitions: 12, Replicas: 3,
}

func payment(use *engine.ParticipantUse) Participant {
	return Participant{Place{"shop", "payment"}, v1alpha1.ParticipantTopics{Commands: "payment.commands", Events: "payment.events"}, use}
}

func grants(n Needs) map[string]bool {
	all := map[string]bool{}
	for _, g := range n.Grants {
		all[strings.Join([]string{g.Principal, g.Operation, g.Resource, g.Name}, " ")] = true
	}
	return all
}

func TestPermissionsFollowFromHowAParticipantIsUsed(t *testing.T) {
	own := []string{"User:op Read topic eu.saga.replies", "User:op Read group eu", "User:op Write topic eu.saga.outcomes", "User:op Write topic eu.saga.deadletters"}
	commands := []string{"User:op Write topic payment.commands", "User:shop-payment Read topic payment.commands",
		"User:shop-payment Read group payment", "User:shop-payment Write topic eu.saga.replies"}
	publishes := []string{"User:op Write topic payment.events"}
	listens := []string{"User:op Read topic payment.events", "User:op Read group eu.events", "User:shop-payment Write topic payment.events"}
	for name, tc := range map[string]struct {
		use  *engine.ParticipantUse
		want [][]string
	}{
		"it is sent commands":               {&engine.ParticipantUse{Commands: true}, [][]string{own, commands}},
		"events are published in its name":  {&engine.ParticipantUse{Events: true}, [][]string{own, commands, publishes}},
		"its events are awaited":            {&engine.ParticipantUse{Listens: true}, [][]string{own, commands, listens}},
		"nobody knows what it is used for":  {nil, [][]string{own, commands, publishes, listens}},
		"a definition uses it for nothing":  {&engine.ParticipantUse{}, [][]string{own, commands}},
		"it is sent commands and announces": {&engine.ParticipantUse{Commands: true, Events: true}, [][]string{own, commands, publishes}},
	} {
		t.Run(name, func(t *testing.T) {
			want := map[string]bool{}
			for _, part := range tc.want {
				for _, grant := range part {
					want[grant] = true
				}
			}
			if diff := cmp.Diff(want, grants(Of(options, []Participant{payment(tc.use)}, nil))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEachTopicIsListedOnce(t *testing.T) {
	other := payment(nil)
	other.Name = "refunds"
	n := Of(options, []Participant{payment(nil), other}, []Trigger{{Place{"shop", "orders"}, "orders"}})
	var got []string
	for _, topic := range n.Topics {
		got = append(got, topic.Name+": "+topic.Purpose)
	}
	want := []string{
		"eu.saga.replies: what participants answer", "eu.saga.outcomes: the ends of sagas", "eu.saga.deadletters: what settles nothing",
		"payment.commands: commands of payment; commands of refunds", "payment.events: events of payment; events of refunds",
		"orders: what trigger orders reads",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if all := grants(n); !all["User:op Read topic orders"] || !all["User:op Read group eu.trigger.shop.orders"] {
		t.Errorf("the trigger may not read: %v", all)
	}
}

// What the documentation says is needed is granted; test/faults tries it on a broker.
func TestWhatIsGrantedIsWhatTheDocumentationSays(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "<!-- acls")
	table, _, ended := strings.Cut(rest, "<!-- end of acls")
	if !found || !ended {
		t.Fatal("docs/operations.md has no table of permissions")
	}
	all := grants(Of(options, []Participant{payment(nil)}, []Trigger{{Place{"shop", "orders"}, "orders"}}))
	fill := strings.NewReplacer("<installation>", "eu", "<commands>", "payment.commands", "<events>", "payment.events", "<group>", "payment",
		"<topic>", "orders", "<namespace>", "shop", "<trigger>", "orders", "`", "")
	rows := 0
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		principal := map[string]string{"operator": "User:op", "service": "User:shop-payment"}[cells[0]]
		if len(cells) != 4 || principal == "" {
			continue
		}
		rows++
		if want := strings.Join([]string{principal, cells[3], cells[1], fill.Replace(cells[2])}, " "); !all[want] {
			t.Errorf("not granted is %q", want)
		}
	}
	if rows < 9 {
		t.Errorf("%d permissions are documented", rows)
	}
}

func TestKafkasToolsAreCalled(t *testing.T) {
	var out bytes.Buffer
	o := options
	o.ServicePrincipal = "User:CN=it's {participant}"
	if err := Of(o, []Participant{payment(&engine.ParticipantUse{Commands: true})}, nil).KafkaTools(&out, "kafka:9092"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"kafka-topics.sh --bootstrap-server kafka:9092 --create --if-not-exists --topic eu.saga.replies --partitions 12 --replication-factor 3 " +
			"--config retention.ms=1209600000 --config min.insync.replicas=2 # what participants answer\n",
		"--topic eu.saga.deadletters --partitions 1 ",
		"kafka-acls.sh --bootstrap-server kafka:9092 --add --allow-principal 'User:CN=it'\\''s payment' --operation Read --group payment\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestStrimziGetsTopicsAndUsers(t *testing.T) {
	var out bytes.Buffer
	p := payment(&engine.ParticipantUse{Commands: true})
	p.Topics.Commands = "Payment_commands"
	s := Strimzi{Cluster: "c", Namespace: "kafka", Authentication: "tls"}
	if err := s.Manifests(&out, Of(options, []Participant{p}, nil)); err != nil {
		t.Fatal(err)
	}
	objects := map[string]fields{}
	for _, doc := range strings.Split(out.String(), "---\n")[1:] {
		var object fields
		if err := yaml.UnmarshalStrict([]byte(doc), &object); err != nil {
			t.Fatal(err)
		}
		objects[object["kind"].(string)+"/"+object["metadata"].(fields)["name"].(string)] = object["spec"].(fields)
	}
	topic, user := objects["KafkaTopic/payment-commands"], objects["KafkaUser/shop-payment"]
	want := fields{"topicName": "Payment_commands", "partitions": 12.0, "replicas": 3.0, "config": fields{"retention.ms": 604800000.0, "min.insync.replicas": 2.0}}
	if diff := cmp.Diff(want, topic); diff != "" {
		t.Errorf("the topic is -want +got:\n%s", diff)
	}
	acls := user["authorization"].(fields)["acls"].([]any)
	first := fields{"resource": fields{"type": "topic", "name": "Payment_commands", "patternType": "literal"}, "operations": []any{"Read"}, "host": "*"}
	if diff := cmp.Diff(any(first), acls[0]); diff != "" || len(acls) != 3 || user["authentication"].(fields)["type"] != "tls" {
		t.Errorf("the user is %v", user)
	}
	if len(objects) != 7 {
		t.Errorf("%d objects are written", len(objects))
	}
}
