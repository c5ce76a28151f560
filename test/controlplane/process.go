package controlplane

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// process is a running child. A goroutine waits for it, so that it is reaped as soon as it ends.
type process struct {
	cmd     *exec.Cmd
	logFile string
	done    chan struct{} // closed once the child is reaped
	err     error         // how it ended; to be read after done
}

// startProcess starts a program whose output goes to logFile, which it appends to, and to output unless that is nil.
func startProcess(path string, args []string, logFile string, output io.Writer) (*process, error) {
	log, err := os.OpenFile(filepath.Clean(logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening its log: %w", err)
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	p := &process{cmd: exec.Command(path, args...), logFile: logFile, done: make(chan struct{})}
	p.cmd.Stdout = log
	if output != nil {
		p.cmd.Stdout = output
	}
	p.cmd.Stderr = p.cmd.Stdout
	p.cmd.SysProcAttr = dieWithParent()
	return p, p.start()
}

// start keeps one thread for the life of the child: Linux sends the death signal when the thread that forked ends, and
// a thread that Go no longer needs may end before the program does.
func (p *process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	return <-started
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the child and returns once it is reaped.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only where the child is gone already
	<-p.done
}

// exited returns an error that says how the child ended, or nil while it runs.
func (p *process) exited() error {
	select {
	case <-p.done:
		return fmt.Errorf("it ended by itself: %w", orExit(p.err))
	default:
		return nil
	}
}

func orExit(err error) error {
	if err == nil {
		return fmt.Errorf("exit status 0")
	}
	return err
}

// tail returns the last lines of the log.
func (p *process) tail() string {
	const lines = 15
	text, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
