package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestProbesTellALivingProcessFromReadableBooks(t *testing.T) {
	db, err := openDatabase(t.Context(), t.TempDir(), "inventory", "OFF", inventoryBooks)
	if err != nil {
		t.Fatal(err)
	}
	handler := healthHandler(db)
	ask := func(path string) int {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return answer.Code
	}
	if live, ready := ask("/healthz"), ask("/readyz"); live != http.StatusOK || ready != http.StatusOK {
		t.Errorf("with open books healthz answers %d and readyz %d", live, ready)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if live, ready := ask("/healthz"), ask("/readyz"); live != http.StatusOK || ready != http.StatusServiceUnavailable {
		t.Errorf("with closed books healthz answers %d and readyz %d", live, ready)
	}
}
