package wire

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden messages anew")

// transcript prints a message the way the golden files hold it.
func transcript(m Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "topic: %s\npartition: %d\nkey: %s\n", m.Topic, m.Partition, m.Key)
	for _, h := range m.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Key, h.Value)
	}
	fmt.Fprintf(&b, "\n%s\n", m.Value)
	return b.String()
}

func TestMessagesAreWhatTheContractShows(t *testing.T) {
	keys := testKeys(t)
	command := func(c Command) func() (Message, error) {
		return func() (Message, error) { return EncodeCommand(c, "inventory.commands", keys) }
	}
	for name, encode := range map[string]func() (Message, error){
		"command-forward":           command(reserve()),
		"command-backward-canary":   command(release()),
		"command-backward-observed": command(releaseObserved()),
		"reply":                     func() (Message, error) { return EncodeReply(reserved(t), "shop.saga.replies", 3) },
		"reply-dataschema": func() (Message, error) {
			r := reserved(t)
			r.DataSchema = "urn:shop:reserved:v2"
			return EncodeReply(r, "shop.saga.replies", 3)
		},
		"event": func() (Message, error) { return EncodeEvent(confirmed(), "order.events") },
		"event-published": func() (Message, error) {
			return EncodeCloudEvent(CloudEvent{ID: "e-1", Source: "/participants/payment", Type: "payment.charge-succeeded", Subject: "81", Time: ten,
				DataSchema: "payment/charged/v2", CorrelationID: "81", Data: []byte(`{"paymentId":"p-81"}`), TraceParent: traced}, "payment.events")
		},
		"event-backward": func() (Message, error) { return EncodeEvent(revoked(), "order.events") },
		"deadletter": func() (Message, error) {
			m, err := EncodeReply(reserved(t), "shop.saga.replies", 3)
			m.Offset = 42
			return DeadLetter(m, "shop.saga.deadletters", Cause{Reason: ReasonNotAsked}, ten), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := encode()
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, name, transcript(m))
		})
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("message differs from %s (-want +got):\n%s", path, diff)
	}
}
