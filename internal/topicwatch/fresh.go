package topicwatch

import (
	"context"

	"github.com/sagas-dev/saga-operator/internal/kafka"
)

// Fresh returns a Look that opens a connection for each question. A client that stays connected answers from the last
// picture that it has, also while the broker is away.
func Fresh(cfg kafka.Config) Look {
	return func(ctx context.Context, names ...string) (map[string]kafka.Topic, error) {
		return kafka.Look(ctx, cfg, names...)
	}
}
