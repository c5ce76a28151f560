package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
)

// MinKey is the shortest secret that a keyring takes, in bytes.
const MinKey = 32

// Keyring makes and verifies reply tokens. It signs with the current key and also accepts the previous one, so
// that a key can be replaced while commands are on their way. Safe for concurrent use.
type Keyring struct {
	pair atomic.Pointer[[2]key] // current, previous; the second may have no secret
}

type key struct {
	id     string
	secret []byte
}

// NewKeyring takes the current secret and the previous one, which may be empty.
//
// Errors: ErrKey where a secret is shorter than MinKey.
func NewKeyring(current, previous []byte) (*Keyring, error) {
	k := &Keyring{}
	if err := k.Replace(current, previous); err != nil {
		return nil, err
	}
	return k, nil
}

// LoadKeyring reads both secrets from mounted files; white space around them is ignored. A previous file that
// does not exist, or has an empty name, means that there is none.
func LoadKeyring(current, previous string) (*Keyring, error) {
	k := &Keyring{}
	if err := k.Load(current, previous); err != nil {
		return nil, err
	}
	return k, nil
}

// Load reads the files again and replaces both keys, or leaves them as they are where that fails.
func (k *Keyring) Load(current, previous string) error {
	now, err := os.ReadFile(current)
	if err != nil {
		return fmt.Errorf("reading the current token key: %w", err)
	}
	var before []byte
	if previous != "" {
		before, err = os.ReadFile(previous)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("reading the previous token key: %w", err)
		}
	}
	return k.Replace(bytes.TrimSpace(now), bytes.TrimSpace(before))
}

// Replace sets both keys at once; previous may be empty.
func (k *Keyring) Replace(current, previous []byte) error {
	if len(current) < MinKey {
		return fmt.Errorf("%w: the current one has %d bytes, at least %d are needed", ErrKey, len(current), MinKey)
	}
	if len(previous) > 0 && len(previous) < MinKey {
		return fmt.Errorf("%w: the previous one has %d bytes, at least %d are needed", ErrKey, len(previous), MinKey)
	}
	k.pair.Store(&[2]key{newKey(current), newKey(previous)})
	return nil
}

// newKey names a secret by a short hash of it, so that a token says which key made it.
func newKey(secret []byte) key {
	sum := sha256.Sum256(append([]byte("saga reply key id\x00"), secret...))
	return key{id: hex.EncodeToString(sum[:4]), secret: bytes.Clone(secret)}
}

// NewSecret returns a random secret of MinKey bytes as hex text, for a file that Load reads.
func NewSecret() ([]byte, error) {
	raw := make([]byte, MinKey)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("making a token key: %w", err)
	}
	return hex.AppendEncode(nil, raw), nil
}

// Token makes the reply token of a command: <key id>.<HMAC-SHA256, base64url without padding>.
func (k *Keyring) Token(c Command) string {
	return k.pair.Load()[0].token(ReplyTo(c))
}

// VerifyReply checks that the operator asked exactly what r answers.
//
// Errors: ErrToken.
func VerifyReply(r Reply, keys *Keyring) error {
	fits := 0
	for _, key := range keys.pair.Load() {
		if len(key.secret) > 0 { // always both, and all of each: the time taken tells nothing
			fits |= subtle.ConstantTimeCompare([]byte(key.token(r)), []byte(r.ReplyToken))
		}
	}
	if fits != 1 {
		return fmt.Errorf("verifying reply %.600q: %w", r.CommandID(), ErrToken)
	}
	return nil
}

// token signs the six values that say which command is answered. Each goes in with its length before it, so that
// no two commands have the same input.
func (k key) token(r Reply) string {
	mac := hmac.New(sha256.New, k.secret)
	for _, part := range []string{r.SagaUID, r.SagaRef, r.Step, string(r.Direction), number(r.Round), number(r.Attempt)} {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		mac.Write(length[:])
		mac.Write([]byte(part))
	}
	return k.id + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
