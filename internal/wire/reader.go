package wire

import (
	"fmt"
	"strconv"
	"time"
)

// reader looks headers up by name and keeps the first error. Names it does not know are ignored: others may
// add their own.
type reader struct {
	values map[string]string
	err    error
}

// newReader indexes the contract's headers. Two different values under one name are an error, since two readers
// might otherwise understand the message differently. Tracing libraries add their headers again: the last counts.
func newReader(headers []Header) *reader {
	r := &reader{values: make(map[string]string, len(headers))}
	for _, h := range headers {
		value := string(h.Value)
		old, again := r.values[h.Key]
		if again && old != value && known(h.Key) && r.err == nil {
			r.err = fmt.Errorf("%w: %s", ErrDuplicate, h.Key)
		}
		r.values[h.Key] = value
	}
	return r
}

// known says whether the contract gives the header a meaning that must not be ambiguous.
func known(name string) bool {
	return len(name) > 3 && name[:3] == "ce_" || name == HeaderCanary
}

// optional returns the header's value, or "" where it is absent.
func (r *reader) optional(name string) string {
	value := r.values[name]
	if err := checkValue(name, value); err != nil && r.err == nil {
		r.err = err
	}
	return value
}

// required returns the header's value, which must be there.
func (r *reader) required(name string) string {
	value := r.optional(name)
	if value == "" && r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMissing, name)
	}
	return value
}

// exactly demands the header's value to be the wanted one.
func (r *reader) exactly(name, want string) {
	if got := r.required(name); got != want && r.err == nil {
		r.err = fmt.Errorf("%w: %s is %q, not %q", ErrInvalid, name, got, want)
	}
}

// count reads a number that counts from min.
func (r *reader) count(name string, min int32) int32 {
	value := r.required(name)
	n, err := strconv.ParseInt(value, 10, 32)
	if r.err != nil {
		return 0
	}
	if err != nil || int32(n) < min || strconv.FormatInt(n, 10) != value {
		r.err = fmt.Errorf("%w: %s is %q, not a whole number from %d", ErrInvalid, name, value, min)
	}
	return int32(n)
}

// instant reads an RFC 3339 time; absent is zero.
func (r *reader) instant(name string) time.Time {
	value := r.optional(name)
	if value == "" || r.err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		r.err = fmt.Errorf("%w: %s is %q, not an RFC 3339 time", ErrInvalid, name, value)
		return time.Time{}
	}
	return t.UTC()
}

// direction reads forward or backward.
func (r *reader) direction() Direction {
	d := Direction(r.required(HeaderDirection))
	if d != Forward && d != Backward && r.err == nil {
		r.err = fmt.Errorf("%w: %s is %q, not forward or backward", ErrInvalid, HeaderDirection, d)
	}
	return d
}

// flag reads a header that is either absent or has exactly one value.
func (r *reader) flag(name, value string) bool {
	got := r.optional(name)
	if got != "" && got != value && r.err == nil {
		r.err = fmt.Errorf("%w: %s is %q, not %q", ErrInvalid, name, got, value)
	}
	return got == value
}
