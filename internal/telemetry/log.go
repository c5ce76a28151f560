// Package telemetry makes the manager's logger and defines the metrics that belong to no other package.
package telemetry

import (
	"io"
	"log/slog"

	"github.com/go-logr/logr"
)

// debug shows what is logged up to V(4).
const debug = slog.Level(-4)

// NewLogger returns a logger that writes one line per message, without stack traces. level is debug, info or error; format
// is json or text.
func NewLogger(w io.Writer, level, format string) logr.Logger {
	options := &slog.HandlerOptions{Level: levelOf(level), ReplaceAttr: plainLevel}
	if format == "text" {
		return logr.FromSlogHandler(slog.NewTextHandler(w, options))
	}
	return logr.FromSlogHandler(slog.NewJSONHandler(w, options))
}

func levelOf(name string) slog.Level {
	switch name {
	case "debug":
		return debug
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// plainLevel names a level that lies between two others: V(1) would read DEBUG+3.
func plainLevel(groups []string, a slog.Attr) slog.Attr {
	level, ok := a.Value.Any().(slog.Level)
	if len(groups) > 0 || a.Key != slog.LevelKey || !ok {
		return a
	}
	switch {
	case level < slog.LevelInfo:
		return slog.String(a.Key, slog.LevelDebug.String())
	case level < slog.LevelError:
		return slog.String(a.Key, slog.LevelInfo.String())
	}
	return slog.String(a.Key, slog.LevelError.String())
}
