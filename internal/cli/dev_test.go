package cli

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

func TestTheExitCodeOfADevelopmentSessionSaysWhatCameOfIt(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // nothing was accepted
	taken := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	script := casesOfTheSample(t, declined)
	shop := strings.Join(withShop(t, "dev")[1:], ",")
	for name, c := range map[string]struct {
		args     []string
		code     int
		out, err string
	}{
		"all completed":  {[]string{"-f", shop, "--once", "--port", "0"}, exitOK, "order-1003 is Completed 4/4", ""},
		"one was undone": {[]string{"-f", shop, "--once", "--port", "0", "--script", script}, exitFailed, "is Compensated", ""},
		"a saga that does not end": {[]string{"-f", shop, "--once", "--port", "0", "--real", "payment", "--timeout", "1s"}, exitFailed, "",
			"error: not every saga has ended in time (1s): order-1001 is Running, waiting for payment.charge (charge-payment), attempt 1; order-1002 is Running"},
		"a timeout below its bound":    {[]string{"-f", shop, "--once", "--timeout", "10ms"}, exitMisused, "", "--timeout: must be at least 1s, or 0s, is 10ms"},
		"a timeout of what never ends": {[]string{"-f", shop, "--timeout", "1m"}, exitMisused, "", "--timeout: goes with --once only"},
		"no files":                     {[]string{"--once"}, exitMisused, "", "--filename"},
		"a port that is none":          {[]string{"-f", shop, "--port", "70000"}, exitMisused, "", "--port: must be from 0 to 65535, is 70000"},
		"a port that is taken":         {[]string{"-f", shop, "--port", taken}, exitFailed, "", "--port: " + taken + ": another process listens there"},
		"real and stub":                {[]string{"-f", shop, "--real", "payment", "--stub", "payment"}, exitMisused, "", `"payment" cannot be both`},
		"an argument":                  {[]string{"-f", shop, "more"}, exitMisused, "", "more"},
		"a script that has no case":    {[]string{"-f", shop, "--once", "--port", "0", "--script", samples + "/participants.yaml"}, exitMisused, "", "--script"},
		"nothing to run":               {[]string{"-f", samples + "/participants.yaml", "--once", "--port", "0"}, exitMisused, "", "no Saga or OrderWorkflow among the files"},
		"a participant of no file":     {[]string{"-f", shop, "--once", "--port", "0", "--real", "x"}, exitMisused, "", `--real: "x" is no participant`},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := kubectlSaga(t, append([]string{"dev"}, c.args...)...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.err) {
				t.Errorf("it ended with %d, not %d; it said %q and %q", code, c.code, out, errOut)
			}
		})
	}
}
