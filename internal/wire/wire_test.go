package wire

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestACommandSurvivesTheWay(t *testing.T) {
	for name, sent := range map[string]Command{"forward": reserve(), "backward, canary, adopting": release(), "backward, observed": releaseObserved()} {
		t.Run(name, func(t *testing.T) {
			keys := testKeys(t)
			m, err := EncodeCommand(sent, "inventory.commands", keys)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeCommand(m)
			if err != nil {
				t.Fatal(err)
			}
			want := sent
			want.ReplyToken = keys.Token(sent)
			want.TraceParent = header(m, HeaderTraceParent)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("command differs (-sent +read):\n%s", diff)
			}
		})
	}
}

func TestAReplySurvivesTheWayAndIsVerified(t *testing.T) {
	sent := reserved(t)
	sent.DataSchema = "urn:shop:reserved:v2"
	m, err := EncodeReply(sent, "shop.saga.replies", 3)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeReply(m)
	if err != nil {
		t.Fatal(err)
	}
	sent.TraceParent = header(m, HeaderTraceParent)
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("reply differs (-sent +read):\n%s", diff)
	}
	if err := VerifyReply(got, testKeys(t)); err != nil {
		t.Errorf("own token refused: %v", err)
	}
}

func TestAnEventSurvivesTheWay(t *testing.T) {
	sent := confirmed()
	m, err := EncodeEvent(sent, "order.events")
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeEvent(m)
	if err != nil {
		t.Fatal(err)
	}
	sent.TraceParent = header(m, HeaderTraceParent)
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("event differs (-sent +read):\n%s", diff)
	}
}

func TestCommandsThatCannotBeSentAreRefused(t *testing.T) {
	long := strings.Repeat("x", 600)
	for name, row := range map[string]struct {
		change func(*Command)
		want   error
		says   string
	}{
		"without a step":                {func(c *Command) { c.Step = "" }, ErrMissing, HeaderStep},
		"with a step of 64 letters":     {func(c *Command) { c.Step = long[:64] }, ErrTooLong, "ce_subject"},
		"without a type":                {func(c *Command) { c.Type = "" }, ErrMissing, HeaderType},
		"with a business key too long":  {func(c *Command) { c.Saga.BusinessKey = long }, ErrTooLong, "600 bytes, at most 512"},
		"with a line break in a header": {func(c *Command) { c.Saga.BusinessKey = "a\nb" }, ErrInvalid, HeaderCorrelationID},
		"with a sideways direction":     {func(c *Command) { c.Direction = "sideways" }, ErrInvalid, HeaderDirection},
		"in round 0":                    {func(c *Command) { c.Round = 0 }, ErrInvalid, HeaderRound},
		"in attempt 0":                  {func(c *Command) { c.Attempt = 0 }, ErrInvalid, HeaderAttempt},
		"to partition -1":               {func(c *Command) { c.ReplyPartition = -1 }, ErrInvalid, HeaderReplyPartition},
		"doing what it only observes":   {func(c *Command) { c.Observed = true }, ErrInvalid, HeaderObserved},
		"undoing nothing":               {func(c *Command) { c.Direction = Backward }, ErrMissing, HeaderUndoes},
		"without an idempotency key":    {func(c *Command) { c.Saga.IdempotencyKey = "" }, ErrMissing, HeaderIdempotencyKey},
		"with a slash in the name":      {func(c *Command) { c.Saga.Name = "a/b" }, ErrInvalid, HeaderSagaRef},
		"with data of 16 KiB and one":   {func(c *Command) { c.Data = []byte(`"` + strings.Repeat("x", MaxBody-1) + `"`) }, ErrBody, "16385 bytes, at most 16384"},
		"with data that is a list":      {func(c *Command) { c.Data = []byte(`[]`) }, ErrBody, "no JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			c := reserve()
			row.change(&c)
			_, err := EncodeCommand(c, "inventory.commands", testKeys(t))
			if name == "with a step of 64 letters" {
				row.says = "64 bytes, at most 63"
			}
			if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want %v naming %q", err, row.want, row.says)
			}
		})
	}
}

func TestMessagesThatAreNoReplyAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		header, value string
		want          error
	}{
		"without a specversion":               {HeaderSpecVersion, "", ErrMissing},
		"of CloudEvents 2.0":                  {HeaderSpecVersion, "2.0", ErrInvalid},
		"without a token":                     {HeaderReplyToken, "", ErrMissing},
		"with a token of 129 bytes":           {HeaderReplyToken, strings.Repeat("x", 129), ErrTooLong},
		"with an unknown outcome":             {HeaderOutcome, "maybe", ErrInvalid},
		"to no saga":                          {HeaderSagaID, "", ErrMissing},
		"to a saga without a namespace":       {HeaderSagaRef, "order-81", ErrInvalid},
		"to attempt 01":                       {HeaderAttempt, "01", ErrInvalid},
		"to attempt 3000000000":               {HeaderAttempt, "3000000000", ErrInvalid},
		"answered at noon":                    {HeaderTime, "noon", ErrInvalid},
		"with an id that is not UTF-8":        {HeaderID, "\xff", ErrInvalid},
		"with an id longer than the contract": {HeaderID, strings.Repeat("x", 513), ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := EncodeReply(reserved(t), "shop.saga.replies", 3)
			if err != nil {
				t.Fatal(err)
			}
			_, err = DecodeReply(with(m, row.header, row.value))
			if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.header) {
				t.Errorf("got %v, want %v naming %q", err, row.want, row.header)
			}
		})
	}
}

func TestAHeaderWithTwoValuesIsRefusedUnlessItIsForTracing(t *testing.T) {
	m, err := EncodeReply(reserved(t), "shop.saga.replies", 3)
	if err != nil {
		t.Fatal(err)
	}
	again := func(name, value string) Message {
		twice := m
		twice.Headers = append(append([]Header{}, m.Headers...), Header{Key: name, Value: []byte(value)})
		return twice
	}
	if _, err := DecodeReply(again(HeaderOutcome, "failed")); !errors.Is(err, ErrDuplicate) {
		t.Errorf("two outcomes: got %v", err)
	}
	if _, err := DecodeReply(again(HeaderOutcome, "succeeded")); err != nil {
		t.Errorf("the same outcome twice: got %v", err)
	}
	own := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	if r, err := DecodeReply(again(HeaderTraceParent, own)); err != nil || r.TraceParent != own {
		t.Errorf("a second traceparent: got %q, %v", r.TraceParent, err)
	}
}

func TestACommandThatContradictsItselfIsRefused(t *testing.T) {
	m, err := EncodeCommand(release(), "inventory.commands", testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	for header, value := range map[string]string{
		HeaderID:             "another",
		HeaderSource:         "/shop/apis/sagas.dev/v1alpha1/namespaces/orders/sagas/order-82",
		HeaderIdempotencyKey: "shop/orders/order-81/reserve-inventory/forward/1",
		HeaderUndoes:         "",
		HeaderAdopts:         "perhaps",
		HeaderObserved:       "false",
		HeaderTrack:          "blue",
	} {
		if _, err := DecodeCommand(with(m, header, value)); err == nil {
			t.Errorf("%s: %q was taken", header, value)
		}
	}
}

func TestTraceContextNeverStopsAMessage(t *testing.T) {
	for name, row := range map[string]struct{ parent, want string }{
		"none is derived":                {"", derivedTraceParent(reserve().Saga.UID, reserve().ID())},
		"one that is garbage is derived": {"00-xyz", derivedTraceParent(reserve().Saga.UID, reserve().ID())},
		"one of zeros is derived":        {"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01", derivedTraceParent(reserve().Saga.UID, reserve().ID())},
		"a valid one is passed on":       {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	} {
		t.Run(name, func(t *testing.T) {
			c := reserve()
			c.TraceParent, c.TraceState = row.parent, "vendor="+strings.Repeat("x", MaxHeader)
			m, err := EncodeCommand(c, "inventory.commands", testKeys(t))
			if err != nil || header(m, HeaderTraceParent) != row.want || header(m, HeaderTraceState) != "" {
				t.Errorf("got %q, %q, %v", header(m, HeaderTraceParent), header(m, HeaderTraceState), err)
			}
			if !validTraceParent(header(m, HeaderTraceParent)) {
				t.Error("the traceparent that was sent is not valid")
			}
		})
	}
}

func TestADeadLetterFitsEveryBroker(t *testing.T) {
	m := Message{Topic: "shop.saga.replies", Key: make([]byte, 5000), Value: make([]byte, MaxDeadValue+1)}
	m.Headers = []Header{{Key: HeaderReplyToken, Value: []byte("secret")}, {Key: "big", Value: make([]byte, MaxDeadHeader)}}
	for range 100 {
		m.Headers = append(m.Headers, Header{Key: "small", Value: []byte("x")})
	}
	dead := DeadLetter(m, "shop.saga.deadletters", Cause{Reason: ReasonMalformed}, ten.Add(time.Millisecond))
	if len(dead.Value) != MaxDeadValue || len(dead.Headers) != 64+6 || dead.Key != nil {
		t.Errorf("got %d bytes, %d headers, key of %d", len(dead.Value), len(dead.Headers), len(dead.Key))
	}
	if header(dead, HeaderReplyToken) != "" || header(dead, "big") != "" || header(dead, HeaderDeadCut) != "262145" {
		t.Error("token, big header or size are not as they should be")
	}
}
