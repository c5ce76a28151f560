//go:build race

package simulate

func init() { slowdown = 20 }
