package expr

import (
	"fmt"
	"regexp"
	"strconv"
)

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// join puts two paths together: `input` and `lines[0]` make `input.lines[0]`, `input` and `[0]` make `input[0]`.
func join(path, rest string) string {
	if path == "" || rest == "" || rest[0] == '[' {
		return path + rest
	}
	return path + "." + rest
}

// member returns the path of an object's member; keys that would read badly are quoted in brackets.
func member(path, key string) string {
	if plainKey.MatchString(key) {
		return join(path, key)
	}
	return path + "[" + strconv.Quote(clip(key, 64)) + "]"
}

// element returns the path of a list's element.
func element(path string, index int) string {
	return fmt.Sprintf("%s[%d]", path, index)
}
