package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sagas-dev/saga-operator/participant"
)

const paymentBooks = `
CREATE TABLE IF NOT EXISTS ledger (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  forward_key TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  payment_id  TEXT NOT NULL,
  minor       INTEGER NOT NULL, -- of the currency's smallest unit; positive: charged; negative: refunded
  currency    TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ledger_forward_key ON ledger (forward_key);`

// declinedToken is the payment method that the sample refuses, to show a business failure.
const declinedToken = "tok_declined"

func newPayment() *cobra.Command {
	s := &service{
		name: "payment", books: paymentBooks,
		handlers: map[string]participant.Handler{"charge": charge, "refund": refund},
	}
	return s.command("Charges and refunds: payment.charge, payment.refund; declines the method " + declinedToken)
}

type chargeInput struct {
	OrderID  string `json:"orderId"`
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Method   string `json:"method"` // a token; tok_declined is declined
}

func charge(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
	var in chargeInput
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if in.OrderID == "" {
		return nil, participant.Fail(participant.CodeInvalidInput, "orderId is required")
	}
	minor, err := parseAmount(in.Amount, in.Currency)
	if err != nil {
		return nil, participant.Fail(participant.CodeInvalidInput, err.Error())
	}
	if in.Method == declinedToken {
		return nil, participant.Fail("CARD_DECLINED", "Card declined")
	}
	id := idFor("p", c.ForwardKey())
	if err := book(ctx, tx, c.ForwardKey(), in.OrderID, id, minor, in.Currency); err != nil {
		return nil, err
	}
	return map[string]string{"paymentId": id}, nil
}

func book(ctx context.Context, tx *sql.Tx, key, order, id string, minor int64, currency string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO ledger (forward_key, order_id, payment_id, minor, currency) VALUES (?, ?, ?, ?, ?)`,
		key, order, id, minor, currency)
	if err != nil {
		return fmt.Errorf("writing to the ledger: %w", err)
	}
	return nil
}

// refund books back what was charged under the key that the command undoes. It needs none of the command's data.
func refund(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
	var order, id, currency string
	var minor int64
	err := tx.QueryRowContext(ctx, `SELECT MIN(order_id), MIN(payment_id), MIN(currency), SUM(minor) FROM ledger
WHERE forward_key = ? GROUP BY forward_key HAVING SUM(minor) > 0`, c.ForwardKey()).Scan(&order, &id, &currency, &minor)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil // nothing was charged under this key
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the payment: %w", err)
	}
	return nil, book(ctx, tx, c.ForwardKey(), order, id, -minor, currency)
}
