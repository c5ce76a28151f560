package wire

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func secret(letter string) []byte { return []byte(strings.Repeat(letter, MinKey)) }

func TestATokenFitsOneQuestionOnly(t *testing.T) {
	keys := testKeys(t)
	for name, change := range map[string]func(*Reply){
		"another saga":       func(r *Reply) { r.SagaUID = "other" },
		"another name":       func(r *Reply) { r.SagaRef = "orders/order-82" },
		"another step":       func(r *Reply) { r.Step = "charge-payment" },
		"the other way":      func(r *Reply) { r.Direction = Backward },
		"another round":      func(r *Reply) { r.Round = 2 },
		"another attempt":    func(r *Reply) { r.Attempt = 2 },
		"a shifted boundary": func(r *Reply) { r.SagaUID += "o"; r.SagaRef = r.SagaRef[1:] },
		"a cut token":        func(r *Reply) { r.ReplyToken = r.ReplyToken[:len(r.ReplyToken)-1] },
		"no key id":          func(r *Reply) { _, r.ReplyToken, _ = strings.Cut(r.ReplyToken, ".") },
	} {
		t.Run(name, func(t *testing.T) {
			r := reserved(t)
			change(&r)
			if err := VerifyReply(r, keys); !errors.Is(err, ErrToken) {
				t.Errorf("got %v, want ErrToken", err)
			}
		})
	}
}

func TestAReplacedKeyIsAcceptedOnceMoreAndThenNot(t *testing.T) {
	keys := testKeys(t)
	old := reserved(t)
	if err := keys.Replace(secret("n"), secret("k")); err != nil {
		t.Fatal(err)
	}
	if err := VerifyReply(old, keys); err != nil {
		t.Errorf("token of the previous key: %v", err)
	}
	if keys.Token(reserve()) == old.ReplyToken {
		t.Error("the new key does not sign")
	}
	if err := keys.Replace(secret("m"), secret("n")); err != nil {
		t.Fatal(err)
	}
	if err := VerifyReply(old, keys); !errors.Is(err, ErrToken) {
		t.Errorf("token of a key that is gone: %v", err)
	}
}

func TestKeysComeFromFiles(t *testing.T) {
	dir := t.TempDir()
	current, previous := filepath.Join(dir, "current"), filepath.Join(dir, "previous")
	if _, err := LoadKeyring(current, previous); err == nil {
		t.Error("a missing current key was taken")
	}
	if err := os.WriteFile(current, append(secret("k"), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := LoadKeyring(current, previous)
	if err != nil {
		t.Fatal(err)
	}
	if keys.Token(reserve()) != testKeys(t).Token(reserve()) {
		t.Error("the line break has become part of the key")
	}
	if err := os.WriteFile(previous, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keys.Load(current, previous); !errors.Is(err, ErrKey) {
		t.Errorf("a short previous key: got %v", err)
	}
	if s, err := NewSecret(); err != nil || len(s) < MinKey {
		t.Errorf("a new secret has %d bytes, %v", len(s), err)
	}
}
