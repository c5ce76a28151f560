// Package local runs sagas in one process, without Kubernetes: it gathers, decides, keeps and sends as the controller does, with
// the same engine and the same expressions, but what it keeps is in memory and gone when the process ends. The clock and the
// way out are its caller's: virtual in tests of definitions, real in front of a broker.
package local
