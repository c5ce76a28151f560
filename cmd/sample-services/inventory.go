package main

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sagas-dev/saga-operator/participant"
)

const inventoryBooks = `
CREATE TABLE IF NOT EXISTS stock (
  sku       TEXT PRIMARY KEY,
  seeded    INTEGER NOT NULL,
  available INTEGER NOT NULL CHECK (available >= 0)
);
CREATE TABLE IF NOT EXISTS movements (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  forward_key TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  sku         TEXT NOT NULL,
  quantity    INTEGER NOT NULL -- positive: reserved; negative: released
);
CREATE INDEX IF NOT EXISTS movements_forward_key ON movements (forward_key);`

// defaultStock is plenty of everything but for one article that is sold out.
var defaultStock = map[string]int64{
	"TEA-GREEN": 1_000_000, "TEA-BLACK": 1_000_000, "MUG-BLUE": 1_000_000, "KETTLE": 1_000_000, "UNICORN": 0,
}

func newInventory() *cobra.Command {
	var more map[string]int64
	s := &service{
		name: "inventory", books: inventoryBooks,
		handlers: map[string]participant.Handler{"reserve": reserve, "release": release},
		seed: func(ctx context.Context, db *sql.DB) error {
			stock := maps.Clone(defaultStock)
			maps.Copy(stock, more)
			return seedStock(ctx, db, stock)
		},
	}
	c := s.command("Reserves and releases stock: inventory.reserve, inventory.release")
	c.Flags().StringToInt64Var(&more, "stock", nil, "stock at first, sku=quantity, besides or instead of the default; articles already in the books stay as they are")
	return c
}

func seedStock(ctx context.Context, db *sql.DB, stock map[string]int64) error {
	for _, sku := range slices.Sorted(maps.Keys(stock)) {
		_, err := db.ExecContext(ctx, `INSERT INTO stock (sku, seeded, available) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			sku, stock[sku], stock[sku])
		if err != nil {
			return fmt.Errorf("putting %s on stock: %w", sku, err)
		}
	}
	return nil
}

type reserveInput struct {
	OrderID string `json:"orderId"`
	Lines   []struct {
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	} `json:"lines"`
}

// quantities sums the lines by article, so that an order may name one twice.
func (in reserveInput) quantities() (map[string]int64, error) {
	if in.OrderID == "" || len(in.Lines) == 0 {
		return nil, participant.Fail(participant.CodeInvalidInput, "orderId and at least one line are required")
	}
	wanted := map[string]int64{}
	for i, line := range in.Lines {
		if line.SKU == "" || line.Quantity < 1 || line.Quantity > 1_000_000 {
			return nil, participant.Fail(participant.CodeInvalidInput, fmt.Sprintf("lines[%d] needs a sku and a quantity from 1 to 1000000", i))
		}
		wanted[line.SKU] += line.Quantity
	}
	return wanted, nil
}

// reserve takes every line of an order from stock, or nothing: what was taken before a line fails is rolled back.
func reserve(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
	var in reserveInput
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	wanted, err := in.quantities()
	if err != nil {
		return nil, err
	}
	for _, sku := range slices.Sorted(maps.Keys(wanted)) {
		if err := take(ctx, tx, c.ForwardKey(), in.OrderID, sku, wanted[sku]); err != nil {
			return nil, err
		}
	}
	return map[string]string{"reservationId": idFor("r", c.ForwardKey())}, nil
}

func take(ctx context.Context, tx *sql.Tx, key, order, sku string, quantity int64) error {
	taken, err := tx.ExecContext(ctx, `UPDATE stock SET available = available - ? WHERE sku = ? AND available >= ?`, quantity, sku, quantity)
	if err != nil {
		return fmt.Errorf("taking %s from stock: %w", sku, err)
	}
	if n, err := taken.RowsAffected(); err != nil {
		return fmt.Errorf("taking %s from stock: %w", sku, err)
	} else if n == 0 {
		return participant.Fail("OUT_OF_STOCK", fmt.Sprintf("fewer than %d of %s on stock", quantity, sku))
	}
	return move(ctx, tx, key, order, sku, quantity)
}

func move(ctx context.Context, tx *sql.Tx, key, order, sku string, quantity int64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO movements (forward_key, order_id, sku, quantity) VALUES (?, ?, ?, ?)`, key, order, sku, quantity)
	if err != nil {
		return fmt.Errorf("writing a movement of %s: %w", sku, err)
	}
	return nil
}

// release puts back what was reserved under the key that the command undoes. It needs none of the command's data.
func release(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
	held, order, err := reservedUnder(ctx, tx, c.ForwardKey())
	if err != nil {
		return nil, err
	}
	for _, sku := range slices.Sorted(maps.Keys(held)) {
		if _, err := tx.ExecContext(ctx, `UPDATE stock SET available = available + ? WHERE sku = ?`, held[sku], sku); err != nil {
			return nil, fmt.Errorf("putting %s back on stock: %w", sku, err)
		}
		if err := move(ctx, tx, c.ForwardKey(), order, sku, -held[sku]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func reservedUnder(ctx context.Context, tx *sql.Tx, key string) (held map[string]int64, order string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT sku, MIN(order_id), SUM(quantity) FROM movements WHERE forward_key = ? GROUP BY sku`, key)
	if err != nil {
		return nil, "", fmt.Errorf("looking for the reservation: %w", err)
	}
	defer rows.Close()
	held = map[string]int64{}
	for rows.Next() {
		var sku string
		var quantity int64
		if err := rows.Scan(&sku, &order, &quantity); err != nil {
			return nil, "", fmt.Errorf("reading the reservation: %w", err)
		}
		if quantity > 0 {
			held[sku] = quantity
		}
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("reading the reservation: %w", err)
	}
	return held, order, nil
}
