package main

import (
	"fmt"
	"os"
	"strings"
)

// memory says how much memory the machine has, where that is known.
func memory() string {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "unknown memory"
	}
	var kibibytes float64
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "MemTotal: %f kB", &kibibytes); err == nil {
			return fmt.Sprintf("%.0f GiB", kibibytes/(1<<20))
		}
	}
	return "unknown memory"
}
