package main

import "testing"

// What a savepoint touches beyond 64 KiB goes to a temporary file, unless SQLite is told otherwise: in a container without a
// place for it every command would then fail, once the books have grown.
func TestBooksNeedNoDirectoryForTemporaryFiles(t *testing.T) {
	db, err := openDatabase(t.Context(), t.TempDir(), "inventory", "OFF", inventoryBooks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	const memory = 2
	var store int
	if err := db.QueryRowContext(t.Context(), `PRAGMA temp_store`).Scan(&store); err != nil {
		t.Fatal(err)
	}
	if store != memory {
		t.Errorf("temp_store is %d, not %d (memory)", store, memory)
	}
}
