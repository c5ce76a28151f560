//go:build race

package explore

func init() { mostFaults = 1 }
