package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// booksOf are the queries for each service's entries: forward key, order, amount, currency.
var booksOf = map[string]string{
	"inventory": `SELECT forward_key, order_id, quantity, '' FROM movements ORDER BY id`,
	"payment":   `SELECT forward_key, order_id, minor, currency FROM ledger ORDER BY id`,
	"shipping":  `SELECT forward_key, order_id, 1, '' FROM shipments ORDER BY id`,
}

const (
	keysQuery = `SELECT k.forward_key,
  COALESCE((SELECT undone FROM saga_inbox i WHERE i.forward_key = k.forward_key), FALSE),
  (SELECT COUNT(*) FROM effects e WHERE e.forward_key = k.forward_key AND direction = 'forward'),
  (SELECT COUNT(*) FROM effects e WHERE e.forward_key = k.forward_key AND direction = 'backward')
FROM (SELECT forward_key FROM saga_inbox UNION SELECT forward_key FROM effects) k ORDER BY 1`
	stockQuery = `SELECT sku, seeded, available,
  COALESCE((SELECT SUM(quantity) FROM movements m WHERE m.sku = s.sku), 0) FROM stock s ORDER BY sku`
	receivedQuery  = `SELECT command_id, digest, deliveries FROM received ORDER BY command_id`
	conflictsQuery = `SELECT command_id, digest FROM conflicts ORDER BY id`
)

// readBooks reads the books of all services below dir. A service that never ran there has none. Each service is read
// in one transaction, but not all in the same: while orders are under way the books of two may not fit.
func readBooks(ctx context.Context, dir string) (ledgers, error) {
	b := ledgers{stock: []stockRecord{}, commands: []received{}, conflicts: []conflict{}}
	found := false
	for _, name := range []string{"inventory", "payment", "shipping"} {
		db, err := openToRead(dir, name)
		if err != nil {
			return ledgers{}, err
		}
		if db == nil {
			continue
		}
		found = true
		if err := errors.Join(b.readService(ctx, db, name), db.Close()); err != nil {
			return ledgers{}, fmt.Errorf("reading the books of %s: %w", name, err)
		}
	}
	if !found {
		return ledgers{}, fmt.Errorf("no books in %s", dir)
	}
	return b, nil
}

func (b *ledgers) readService(ctx context.Context, db *sql.DB, name string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	err = errors.Join(b.readEntries(ctx, tx, name), b.readKeys(ctx, tx, name), b.readCommands(ctx, tx, name))
	if name == "inventory" {
		err = errors.Join(err, b.readStock(ctx, tx))
	}
	return errors.Join(err, tx.Rollback())
}

func (b *ledgers) readEntries(ctx context.Context, tx *sql.Tx, name string) error {
	return each(ctx, tx, booksOf[name], func(scan scanner) error {
		e := entry{service: name}
		err := scan(&e.key, &e.order, &e.amount, &e.currency)
		b.entries = append(b.entries, e)
		return err
	})
}

func (b *ledgers) readKeys(ctx context.Context, tx *sql.Tx, name string) error {
	return each(ctx, tx, keysQuery, func(scan scanner) error {
		k := keyRecord{service: name}
		err := scan(&k.key, &k.undone, &k.forward, &k.backward)
		b.keys = append(b.keys, k)
		return err
	})
}

func (b *ledgers) readCommands(ctx context.Context, tx *sql.Tx, name string) error {
	err := each(ctx, tx, receivedQuery, func(scan scanner) error {
		c := received{Service: name}
		err := scan(&c.ID, &c.Digest, &c.Deliveries)
		b.commands = append(b.commands, c)
		return err
	})
	return errors.Join(err, each(ctx, tx, conflictsQuery, func(scan scanner) error {
		c := conflict{Service: name}
		err := scan(&c.ID, &c.Digest)
		b.conflicts = append(b.conflicts, c)
		return err
	}))
}

func (b *ledgers) readStock(ctx context.Context, tx *sql.Tx) error {
	return each(ctx, tx, stockQuery, func(scan scanner) error {
		var s stockRecord
		err := scan(&s.SKU, &s.Seeded, &s.Available, &s.Reserved)
		b.stock = append(b.stock, s)
		return err
	})
}

type scanner func(into ...any) error

// each calls read for every row of a query.
func each(ctx context.Context, tx *sql.Tx, query string, read func(scanner) error) (err error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := read(rows.Scan); err != nil {
			return fmt.Errorf("reading a row: %w", err)
		}
	}
	return rows.Err()
}
