package kafka

import (
	"bytes"
	"errors"
	"os"
	"slices"
)

// errUnsettled says that files changed while they were read, again and again.
var errUnsettled = errors.New("the files keep changing while they are read")

// readings bounds how often files that change are read.
const readings = 6

// together reads files that belong together: a certificate and its key, a user and the password. A mounted Secret changes
// by a link that is turned, all files at once; what is read across that moment fits nothing. So it takes two readings in a row
// that are the same.
func together(names ...string) ([][]byte, error) {
	var before [][]byte
	for range readings {
		now, err := readAll(names)
		if err != nil {
			return nil, err
		}
		if before != nil && slices.EqualFunc(before, now, bytes.Equal) {
			return now, nil
		}
		before = now
	}
	return nil, errUnsettled
}

func readAll(names []string) ([][]byte, error) {
	contents := make([][]byte, len(names))
	for i, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		contents[i] = content
	}
	return contents, nil
}
