// Package samples plays the stories of config/samples, as docs/samples.md tells them, on the real engine.
package samples
