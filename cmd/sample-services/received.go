package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/sagas-dev/saga-operator/participant"
)

// mayDiffer are the headers that may change when a command is sent again under the same id. All else may not.
var mayDiffer = map[string]bool{
	"ce_replytoken": true, "ce_replypartition": true, "traceparent": true, "tracestate": true,
}

// digestOf is the SHA-256 of what must be the same whenever a command's id is: key, value and headers in their order.
func digestOf(m participant.Message) string {
	h := sha256.New()
	writePart(h, m.Key)
	writePart(h, m.Value)
	for _, header := range m.Headers {
		if !mayDiffer[header.Key] {
			writePart(h, []byte(header.Key))
			writePart(h, header.Value)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// writePart writes a part with its length before it, so that no two messages run together to the same bytes.
func writePart(h hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:]) // a hash never fails
	h.Write(part)
}

// recordReceipt notes every delivery of every command, and those whose bytes are not what the id came with before.
func recordReceipt(ctx context.Context, tx *sql.Tx, c participant.Command, m participant.Message) error {
	var first string
	digest := digestOf(m)
	err := tx.QueryRowContext(ctx, `INSERT INTO received (command_id, digest, deliveries) VALUES (?, ?, 1)
ON CONFLICT (command_id) DO UPDATE SET deliveries = deliveries + 1 RETURNING digest`, c.ID, digest).Scan(&first)
	if err != nil {
		return fmt.Errorf("recording a command: %w", err)
	}
	if first == digest {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO conflicts (command_id, digest) VALUES (?, ?)`, c.ID, digest); err != nil {
		return fmt.Errorf("recording a conflict: %w", err)
	}
	return nil
}
