//go:build unix && !linux

package controlplane

import "syscall"

// dieWithParent keeps the terminal's Ctrl-C from the child. Only Linux can do what the name says: elsewhere a parent that
// is killed leaves its children behind.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
