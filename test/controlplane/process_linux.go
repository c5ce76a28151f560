package controlplane

import "syscall"

// dieWithParent has the kernel kill the child when its parent dies, and keeps the terminal's Ctrl-C from it: the parent
// decides the order in which things stop.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
