package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/trigger"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
	"github.com/sagas-dev/saga-operator/test/stage"
)

const (
	activeAtMost = 200
	kills        = 5
)

// How many events there are, and how many of them come twice. TRIGGER_EVENTS makes them fewer, where there is less time.
var (
	distinctEvents = eventsOr(10_000)
	repeatedEvents = distinctEvents / 5
)

func eventsOr(n int) int {
	text, ok := os.LookupEnv("TRIGGER_EVENTS")
	if !ok {
		return n
	}
	fewer, err := strconv.Atoi(text)
	if err != nil || fewer < 10*activeAtMost {
		panic(fmt.Sprintf("TRIGGER_EVENTS=%q must be a number from %d on", text, 10*activeAtMost))
	}
	return fewer
}

func TestTheManagerIsKilledFiveTimesWhileATriggerStartsTenThousandSagas(t *testing.T) {
	slow(t)
	cluster := kafkatest.Start(t)
	s := set(t, cluster.Brokers[0], 0)
	topic := cluster.Topic(t, 3)
	counted := count(t, s)
	if err := announceAll(t.Context(), s, topic); err != nil {
		t.Fatal(err)
	}
	cluster.Produce(t, shuffledEvents(topic)...)
	start := time.Now()
	for i := range kills + 1 {
		if err := s.StartManager("manager", alone...); err != nil {
			t.Fatal(err)
		}
		enough := distinctEvents
		if i < kills {
			enough = (i + 1) * distinctEvents / (kills + 1)
		}
		counted.await(t, fmt.Sprintf("%d sagas to have ended", enough), func(c census) bool { return c.ended >= enough })
		if i < kills {
			if pids := s.Crew.Kill("manager"); len(pids) != 1 {
				t.Fatalf("the manager was not there to be killed, the %d. time", i+1)
			}
		}
	}
	t.Logf("%d sagas in %s", distinctEvents, time.Since(start).Round(time.Second))
	group := trigger.GroupOf(s.Installation, types.NamespacedName{Namespace: stage.Shop, Name: "announce"})
	kafkatest.Eventually(t, "all offsets to be committed", func() bool {
		committed, ends := cluster.Committed(t, group, topic), cluster.Ends(t, topic)
		return committed[0] == ends[0] && committed[1] == ends[1] && committed[2] == ends[2]
	})
	switch got := counted.now(); {
	case got.made != distinctEvents || got.ended != distinctEvents || got.active != 0:
		t.Errorf("%d sagas were made, %d have ended, %d are unfinished; want one for each of %d events", got.made, got.ended, got.active, distinctEvents)
	case got.most > activeAtMost:
		t.Errorf("%d sagas were unfinished at once, at most %d may be", got.most, activeAtMost)
	case got.most < activeAtMost/2:
		t.Errorf("never more than %d sagas were unfinished: the bound was not tried", got.most)
	}
	if letters := cluster.Ends(t, wire.DeadLettersTopic(s.Installation)); letters[0]+letters[1]+letters[2] != 0 {
		t.Errorf("dead letters %v", letters)
	}
}

// announceAll makes a trigger whose sagas announce one thing each.
func announceAll(ctx context.Context, s *stage.Stage, topic string) error {
	meta := metav1.ObjectMeta{Namespace: stage.Shop, Name: "announce"}
	for _, o := range []client.Object{
		&v1alpha1.SagaParticipant{
			ObjectMeta: meta, Spec: v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Events: s.Topics + "order.events"}},
		},
		&v1alpha1.SagaDefinition{ObjectMeta: meta, Spec: v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{{
			Name: "announce", Participant: "announce", Recovery: v1alpha1.RecoveryRetriable, Publish: &v1alpha1.Publish{Event: "confirmed"},
		}}}},
		&v1alpha1.SagaTrigger{ObjectMeta: meta, Spec: v1alpha1.SagaTriggerSpec{
			Topic: topic, StartFrom: v1alpha1.StartEarliest, MaxActive: ptr.To[int32](activeAtMost),
			DefinitionRef: &v1alpha1.DefinitionReference{Name: "announce"}, Params: &runtime.RawExtension{Raw: []byte(`{"id":"${event.id}"}`)},
			TTL: &v1alpha1.SagaTTL{Completed: &metav1.Duration{Duration: time.Hour}}, // so that one that is made twice is seen
		}},
	} {
		if err := s.Client.Create(ctx, o); err != nil {
			return fmt.Errorf("making %T: %w", o, err)
		}
	}
	return nil
}

// shuffledEvents are all events, some of them twice, in any order.
func shuffledEvents(topic string) []wire.Message {
	var events []wire.Message
	for i := range distinctEvents + repeatedEvents {
		n := i
		if i >= distinctEvents {
			n = rand.N(distinctEvents)
		}
		header := func(name, value string) wire.Header { return wire.Header{Key: name, Value: []byte(value)} }
		events = append(events, wire.Message{Topic: topic, Partition: int32(i % 3), Value: []byte(`{}`), Headers: []wire.Header{
			header(wire.HeaderSpecVersion, "1.0"), header(wire.HeaderID, fmt.Sprint(n)), header(wire.HeaderSource, "/shop"), header(wire.HeaderType, "order.placed"),
		}})
	}
	rand.Shuffle(len(events), func(a, b int) { events[a], events[b] = events[b], events[a] })
	return events
}

// census is what the API server has shown of a trigger's sagas.
type census struct{ made, ended, active, most int }

// counter follows the sagas of a trigger in the order in which they change.
type counter struct {
	mu   sync.Mutex
	all  map[types.UID]bool // whether it is unfinished
	seen census
}

// count begins to count; it is there before the first saga is made.
func count(t *testing.T, s *stage.Stage) *counter {
	t.Helper()
	selected, err := cache.New(s.Plane.Config(), cache.Options{
		Scheme: s.Client.Scheme(), DefaultLabelSelector: labels.SelectorFromSet(labels.Set{v1alpha1.LabelTrigger: "announce"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	informer, err := selected.GetInformer(t.Context(), &v1alpha1.Saga{}, cache.BlockUntilSynced(false))
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{all: map[types.UID]bool{}}
	if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: c.look, UpdateFunc: func(_, o any) { c.look(o) },
	}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- selected.Start(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Errorf("counting ended with %v", err)
		}
	})
	if !selected.WaitForCacheSync(t.Context()) {
		t.Fatal("sagas cannot be counted")
	}
	return c
}

func (c *counter) look(o any) {
	saga, ok := o.(*v1alpha1.Saga)
	if !ok {
		return
	}
	unfinished := saga.Status.Phase != v1alpha1.PhaseCompleted
	c.mu.Lock()
	defer c.mu.Unlock()
	was, known := c.all[saga.UID]
	c.all[saga.UID] = unfinished
	if !known {
		c.seen.made++
	}
	if !unfinished && (was || !known) {
		c.seen.ended++
	}
	c.seen.active = c.seen.made - c.seen.ended
	c.seen.most = max(c.seen.most, c.seen.active)
}

func (c *counter) now() census {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

func (c *counter) await(t *testing.T, what string, holds func(census) bool) {
	t.Helper()
	for deadline := time.Now().Add(8 * time.Minute); !holds(c.now()); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s: %+v", what, c.now())
		}
	}
}
