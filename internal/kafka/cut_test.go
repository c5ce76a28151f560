package kafka_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

func TestWhatIsCutOffAtOnceIsNoBreakInReadingAndWhatTakesLongerIs(t *testing.T) {
	for name, test := range map[string]struct {
		held time.Duration // before the connection is cut off
		cuts int32
		want []bool // changes of readability
	}{
		"three sessions that end at once":           {0, 3, []bool{true}},
		"more of them":                              {0, 4, []bool{true, false, true}},
		"a broker that stands still before it cuts": {1500 * time.Millisecond, 1, []bool{true, false, true}},
		"one that does so again and again":          {700 * time.Millisecond, 2, []bool{true, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker, err := kfake.NewCluster(kfake.NumBrokers(1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(broker.Close)
			cluster := kafkatest.Use(t, broker.ListenAddrs()...)
			topic := cluster.Topic(t, 1)
			r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
			r.awaitHeard(t)
			var left atomic.Int32
			left.Store(test.cuts)
			broker.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
				if left.Load() == 0 {
					return nil, nil, false
				}
				<-time.After(test.held) // the whole broker stands still
				left.Add(-1)
				broker.KeepControl()
				return nil, errors.New("cut off"), true
			})
			kafkatest.Eventually(t, "all cuts", func() bool { return left.Load() == 0 })
			r.awaitHeard(t)
			kafkatest.Eventually(t, "replies to be readable", func() bool { _, ok := r.ReadableSince(); return ok })
			if diff := cmp.Diff(test.want, r.history()); diff != "" {
				t.Errorf("changes of readability (-want +got):\n%s", diff)
			}
		})
	}
}
