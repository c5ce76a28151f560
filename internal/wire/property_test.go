package wire

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func commands(t *rapid.T) Command {
	name := rapid.StringMatching(`[a-z][a-z0-9-]{0,20}`)
	c := Command{
		Saga: Saga{
			Installation: name.Draw(t, "installation"), UID: name.Draw(t, "uid"), Namespace: name.Draw(t, "namespace"),
			Name: name.Draw(t, "name"), IdempotencyKey: "i/n/" + name.Draw(t, "key"), BusinessKey: name.Draw(t, "business key"),
		},
		Step: name.Draw(t, "step"), Direction: rapid.SampledFrom([]Direction{Forward, Backward}).Draw(t, "direction"),
		Round: rapid.Int32Min(1).Draw(t, "round"), Attempt: rapid.Int32Min(1).Draw(t, "attempt"), Type: name.Draw(t, "type"),
		Data: []byte(`{"a":"` + name.Draw(t, "data") + `"}`), Time: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), 0).UTC(),
		Adopts: rapid.Bool().Draw(t, "adopts"), Canary: rapid.Bool().Draw(t, "canary"), ReplyTo: name.Draw(t, "replies"),
		ReplyPartition: rapid.Int32Min(0).Draw(t, "partition"), CausationID: rapid.StringMatching(`[a-z/0-9]{0,40}`).Draw(t, "cause"),
	}
	if c.Direction == Backward {
		c.Undoes = c.Saga.IdempotencyKey + "/" + c.Step + "/forward/1"
	}
	return c
}

func TestTheSameCommandHasTheSameBytes(t *testing.T) {
	one, other := testKeys(t), testKeys(t)
	if err := other.Replace(secret("z"), nil); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := commands(t)
		first, err := EncodeCommand(c, "topic", one)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := c
		elsewhere.Time, elsewhere.ReplyPartition = c.Time.In(time.FixedZone("east", 3600)), c.ReplyPartition/2
		elsewhere.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		second, err := EncodeCommand(elsewhere, "topic", other)
		if err != nil {
			t.Fatal(err)
		}
		for _, free := range []string{HeaderReplyToken, HeaderReplyPartition, HeaderTraceParent} {
			first, second = with(first, free, ""), with(second, free, "")
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("bytes differ:\n%s", diff)
		}
	})
}

func TestWhatIsReadIsWhatWasSent(t *testing.T) {
	keys := testKeys(t)
	rapid.Check(t, func(t *rapid.T) {
		sent := commands(t)
		m, err := EncodeCommand(sent, "topic", keys)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeCommand(m)
		if err != nil {
			t.Fatal(err)
		}
		sent.ReplyToken, sent.TraceParent = got.ReplyToken, got.TraceParent
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Fatalf("command differs:\n%s", diff)
		}
		answer := ReplyTo(got)
		if err := VerifyReply(answer, keys); err != nil || answer.CausationID != answer.CommandID() {
			t.Fatalf("echo is not accepted: %v", err)
		}
	})
}
