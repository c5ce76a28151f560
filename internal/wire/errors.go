package wire

import "errors"

// What can be wrong with a message. Each comes wrapped with the header's name and, where there is one, the bound
// and the value's size.
var (
	ErrMissing   = errors.New("header is missing")
	ErrTooLong   = errors.New("header is too long")
	ErrInvalid   = errors.New("header is not valid")
	ErrDuplicate = errors.New("header is there twice with different values")
	ErrBody      = errors.New("data is not valid")
	ErrToken     = errors.New("reply token does not fit the reply")
	ErrKey       = errors.New("key is not usable")
)
