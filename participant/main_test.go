package participant_test

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv(actAsService) != "" {
		os.Exit(serveUntilKilled())
	}
	code := m.Run()
	stopPostgres()
	os.Exit(code)
}
