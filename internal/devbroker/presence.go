package devbroker

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// patience is how long after a fetch was to be answered its reader still counts as there.
const patience = 2 * time.Second

// watch looks at requests as they come, and lets the broker answer them.
func (b *Broker) watch() {
	for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.JoinGroup, kmsg.ConsumerGroupHeartbeat} {
		b.cluster.ControlKey(int16(key), func(request kmsg.Request) (kmsg.Response, error, bool) {
			b.see(request)
			return nil, nil, false
		})
	}
}

// see must not ask the broker anything: it waits for this to return.
func (b *Broker) see(request kmsg.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch r := request.(type) {
	case *kmsg.FetchRequest:
		until := b.now().Add(time.Duration(r.MaxWaitMillis)*time.Millisecond + patience)
		for _, t := range r.Topics {
			name := t.Topic
			if name == "" {
				name = b.names[t.TopicID]
			}
			b.readers[name] = until
		}
	case *kmsg.JoinGroupRequest:
		b.groups[r.Group] = true
	case *kmsg.ConsumerGroupHeartbeatRequest:
		b.groups[r.Group] = true
	}
}

// Read says whether somebody reads the topic: it was fetched from a moment ago, or a live member of a consumer group has partitions of
// it. (A client that keeps a fetch session does not name its topics each time, but it is in a group.) Whoever reads the
// topic in this process counts, too.
func (b *Broker) Read(topic string) bool {
	b.mu.Lock()
	fetched := b.now().Before(b.readers[topic])
	groups := make([]string, 0, len(b.groups))
	for g := range b.groups {
		groups = append(groups, g)
	}
	b.mu.Unlock()
	return fetched || slices.ContainsFunc(groups, func(group string) bool { return b.assigned(group, topic) })
}

func (b *Broker) assigned(group, topic string) bool {
	info := b.cluster.GroupInfo(group)
	if info == nil {
		return false
	}
	for _, m := range info.Members {
		if len(m.Assignment[topic]) > 0 {
			return true
		}
	}
	return false
}
