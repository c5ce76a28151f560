package topicwatch

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

var own = []string{"here.saga.replies", "here.saga.outcomes"}

// world is a broker and the participants that are declared.
type world struct {
	mu           sync.Mutex
	topics       map[string]bool
	away         error
	hidden       string
	participants map[string]v1alpha1.ParticipantTopics
	asked        [][]string
}

func newWorld(topics ...string) *world {
	w := &world{topics: map[string]bool{}, participants: map[string]v1alpha1.ParticipantTopics{}}
	for _, name := range append(topics, own...) {
		w.topics[name] = true
	}
	return w
}

func (w *world) change(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) look(_ context.Context, names ...string) (map[string]kafka.Topic, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, names)
	if w.away != nil {
		return nil, w.away
	}
	topics := map[string]kafka.Topic{}
	for _, name := range names {
		topics[name] = kafka.Topic{Exists: w.topics[name] && name != w.hidden, Hidden: name == w.hidden}
	}
	return topics, nil
}

// Get implements client.Reader.
func (w *world) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("nobody asks for one")
}

// List implements client.Reader.
func (w *world) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	participants, ok := list.(*v1alpha1.SagaParticipantList)
	if !ok {
		return fmt.Errorf("a list of %T", list)
	}
	for name, topics := range w.participants {
		participants.Items = append(participants.Items, v1alpha1.SagaParticipant{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: v1alpha1.SagaParticipantSpec{Topics: topics},
		})
	}
	return nil
}

// told collects who was told of.
type told struct {
	mu    sync.Mutex
	names []string
}

func (t *told) tell(name types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = append(t.names, name.Name)
}

func (t *told) take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	names := t.names
	t.names = nil
	return names
}

func (w *world) watch() (*Watch, *told) {
	watch := New(Options{Look: w.look, Reader: w, Own: own, Every: time.Hour, AwayEvery: time.Hour, AtLeast: time.Millisecond, Log: logr.Discard()})
	t := &told{}
	watch.Subscribe(t.tell)
	return watch, t
}

var inventory = v1alpha1.ParticipantTopics{Commands: "inventory.commands", Events: "inventory.events"}

func TestAParticipantIsToldOnceForEachChangeOfItsTopics(t *testing.T) {
	w := newWorld()
	w.participants["inventory"] = inventory
	w.participants["other"] = v1alpha1.ParticipantTopics{Commands: own[0]}
	watch, heard := w.watch()
	for _, step := range []struct {
		what            string
		change          func()
		reason, message string
		tells           bool
	}{
		{"at first nothing is known", func() {}, v1alpha1.ReasonPending, "not been looked for yet", false},
		{"both are missing", func() {}, v1alpha1.ReasonTopicMissing, `"inventory.commands", "inventory.events"`, true},
		{"nothing has changed", func() {}, v1alpha1.ReasonTopicMissing, "inventory.commands", false},
		{"one was made", func() { w.topics["inventory.commands"] = true }, v1alpha1.ReasonTopicMissing, `Missing: "inventory.events";`, true},
		{"both are there", func() { w.topics["inventory.events"] = true }, v1alpha1.ReasonTopicsFound, "All topics are there", true},
		{"the broker is away", func() { w.away = errors.New("refused") }, v1alpha1.ReasonBrokerUnavailable, "does not answer", true},
		{"it is away for another reason", func() { w.away = errors.New("timed out") }, v1alpha1.ReasonBrokerUnavailable, "does not answer", false},
		{"it is back", func() { w.away = nil }, v1alpha1.ReasonTopicsFound, "All topics are there", true},
	} {
		w.change(step.change)
		if step.what != "at first nothing is known" {
			watch.look(t.Context())
		}
		if got := watch.Judge(inventory); got.Reason != step.reason || !strings.Contains(got.Message, step.message) {
			t.Errorf("%s: %+v; want %s, %q", step.what, got, step.reason, step.message)
		}
		names := heard.take()
		if tells := strings.Contains(strings.Join(names, " "), "inventory"); tells != step.tells {
			t.Errorf("%s: told of %v; want inventory among them: %t", step.what, names, step.tells)
		}
	}
}

func TestAllTopicsAreAskedForInOneQuestion(t *testing.T) {
	w := newWorld()
	w.participants["inventory"] = inventory
	w.participants["warehouse"] = v1alpha1.ParticipantTopics{Commands: "inventory.commands"} // shares a topic
	watch, _ := w.watch()
	watch.look(t.Context())
	want := [][]string{{"here.saga.outcomes", "here.saga.replies", "inventory.commands", "inventory.events"}}
	if !reflect.DeepEqual(w.asked, want) {
		t.Errorf("asked for %v; want %v", w.asked, want)
	}
}

func TestATopicThatRefusesMessagesIsShown(t *testing.T) {
	w := newWorld("inventory.commands", "inventory.events")
	w.participants["inventory"] = inventory
	watch, heard := w.watch()
	watch.look(t.Context())
	heard.take()

	watch.Trouble("inventory.commands", fmt.Errorf("sending: %w: no permission", kafka.ErrRefused))
	watch.look(t.Context())
	if got := watch.Judge(inventory); got.Reason != v1alpha1.ReasonBrokerUnavailable || !strings.Contains(got.Message, "no permission") {
		t.Errorf("got %+v", got)
	}
	watch.Trouble("inventory.commands", nil)
	watch.look(t.Context())
	if got := watch.Judge(inventory); got.Reason != v1alpha1.ReasonTopicsFound || len(heard.take()) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestReadyzNamesWhatIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world)
		want   string
	}{
		"nothing":              {func(*world) {}, ""},
		"one of its topics":    {func(w *world) { delete(w.topics, own[1]) }, "topics: missing: here.saga.outcomes; create them"},
		"all of them":          {func(w *world) { clear(w.topics) }, "topics: missing: here.saga.replies, here.saga.outcomes; create them"},
		"the broker":           {func(w *world) { w.away = kafka.ErrUnavailable }, "topics: the broker does not answer: looking at topics: broker is not available"},
		"what may not be seen": {func(w *world) { w.hidden = own[1] }, "topics: the broker lets this user see nothing of here.saga.outcomes; allow it"},
		"a participant's only": {func(w *world) { w.participants["inventory"] = inventory }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			test.change(w)
			watch, _ := w.watch()
			if err := watch.Ready(); err == nil {
				t.Error("ready before the broker was asked")
			}
			watch.look(t.Context())
			if err := watch.Ready(); (err == nil) != (test.want == "") || err != nil && err.Error() != test.want && !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("readyz says %v; want %q", err, test.want)
			}
		})
	}
}

func TestANudgeIsALookAtOnceAndAStormOfThemFewLooks(t *testing.T) {
	w := newWorld()
	watch, _ := w.watch()
	found := make(chan struct{}, 10)
	watch.o.Found = func() { found <- struct{}{} }
	w.away = errors.New("refused")
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- watch.Start(ctx) }()
	kafkatest.Eventually(t, "the first look", func() bool { return watch.away() })
	w.change(func() { w.away = nil })
	for range 1000 {
		watch.Nudge()
	}
	kafkatest.Eventually(t, "the second look", func() bool { return watch.Ready() == nil })
	<-found
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if looks := len(w.asked); looks > 50 { // one a millisecond at most, for as long as the storm lasts
		t.Errorf("%d looks for 1000 nudges", looks)
	}
}

func TestAFreshLookSeesTopicsAppearAndTheBrokerGo(t *testing.T) {
	cluster := kafkatest.Start(t)
	name := kafkatest.Name("fresh")
	look := Fresh(kafka.Config{Brokers: cluster.Brokers})
	topics, err := look(t.Context(), name)
	if err != nil || topics[name].Exists {
		t.Fatalf("topics %v, error %v; want none", topics, err)
	}
	cluster.CreateTopics(t, 3, name)
	topics, err = look(t.Context(), name)
	if err != nil || !topics[name].Exists || topics[name].Partitions != 3 {
		t.Fatalf("topics %v, error %v; want it with 3 partitions, at once", topics, err)
	}
	if _, err := Fresh(kafka.Config{Brokers: []string{"127.0.0.1:1"}})(t.Context(), name); !errors.Is(err, kafka.ErrUnavailable) {
		t.Errorf("error %v; want %v", err, kafka.ErrUnavailable)
	}
}
