package devrun

import (
	"io"
	"time"
)

// Options say what to run.
type Options struct {
	Paths        []string      // files and directories of definitions, participants, sagas and orders, looked at again each second; - for In
	In           io.Reader     // what is piped in; read once, where a path asks for it
	Start        []string      // files whose sagas and orders are started too
	Port         int           // of the broker on 127.0.0.1; 0 takes a free one
	Installation string        // in the names of its topics, and in keys
	Real         []string      // participants that no stub ever stands in for
	Stub         []string      // participants that a stub always stands in for
	Script       []string      // files with cases whose answers the stubs give
	AutoEvents   time.Duration // how long after a step began to wait for an event a stub publishes it; 0: never
	Once         bool          // end when all sagas have ended
	Timeout      time.Duration // with Once: end in any case after so long, counted from when it is ready; 0: never
	Out          io.Writer
	Live         bool // redraw a table on a terminal, instead of writing lines
}

// Times of a session.
const (
	lookAtStubs = 200 * time.Millisecond // how often it is seen which participants are there, and what stubs have to do
	lookAtFiles = time.Second
	redraw      = 250 * time.Millisecond
)
