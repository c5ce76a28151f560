package crew

import "syscall"

// diesWithParent has the kernel kill the child when this process dies, however it does, and keeps the terminal's Ctrl-C
// from the child: what stops when is decided here.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
