//go:build unix && !linux

package crew

import "syscall"

// diesWithParent keeps the terminal's Ctrl-C from the child. Only Linux can do what the name says: elsewhere the children of
// a demo that was killed with SIGKILL stay.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
