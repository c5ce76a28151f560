package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sagas-dev/saga-operator/participant"
)

const shippingBooks = `
CREATE TABLE IF NOT EXISTS shipments (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  forward_key TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  shipment_id TEXT NOT NULL,
  address     TEXT NOT NULL -- JSON, as it came
);
CREATE INDEX IF NOT EXISTS shipments_forward_key ON shipments (forward_key);`

func newShipping() *cobra.Command {
	s := &service{name: "shipping", books: shippingBooks, handlers: map[string]participant.Handler{"create": ship}}
	return s.command("Ships: shipping.create, which cannot be undone and is the pivot of an order")
}

type shipInput struct {
	OrderID string          `json:"orderId"`
	Address json.RawMessage `json:"address"` // text or an object
}

func ship(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
	var in shipInput
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if in.OrderID == "" {
		return nil, participant.Fail(participant.CodeInvalidInput, "orderId is required")
	}
	id := idFor("s", c.ForwardKey())
	_, err := tx.ExecContext(ctx, `INSERT INTO shipments (forward_key, order_id, shipment_id, address) VALUES (?, ?, ?, ?)`,
		c.ForwardKey(), in.OrderID, id, string(in.Address))
	if err != nil {
		return nil, fmt.Errorf("writing a shipment: %w", err)
	}
	return map[string]string{"shipmentId": id}, nil
}
