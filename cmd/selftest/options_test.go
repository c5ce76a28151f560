package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/internal/version"
)

func TestAWrongFlagIsNamed(t *testing.T) {
	least := []string{"--namespace", "shop", "--kafka-brokers", "kafka:9092"}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no brokers":                    {[]string{"--namespace", "shop"}, "--kafka-brokers: at least one host:port is required"},
		"no namespace outside of a pod": {[]string{"--kafka-brokers", "kafka:9092"}, `--namespace: "" cannot be`},
		"a namespace that cannot be":    {append(least, "--namespace", "Shop"), `--namespace: "Shop" cannot be`},
		"a topic that cannot be":        {append(least, "--topic", "a/b"), `--topic: "a/b" cannot be`},
		"SASL without a password":       {append(least, "--kafka-sasl-mechanism", "PLAIN"), "--kafka-sasl-mechanism: needs"},
		"too little time":               {append(least, "--timeout", "1s"), "--timeout: must be from 5s to 1h"},
		"no time to tidy up":            {append(least, "--tidy-timeout", "0s"), "--tidy-timeout: must be from 1s to 10m"},
		"a flag that does not exist":    {append(least, "--brokers", "a:1"), "unknown flag: --brokers"},
		"a word that is no flag":        {append(least, "now"), `"now" is no flag`},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := run(t.Context(), test.args, nil, &out, &errOut)
			if code != exitUsage || !strings.Contains(errOut.String(), test.want) {
				t.Errorf("exit code %d, message %q; want %d, %q", code, &errOut, exitUsage, test.want)
			}
		})
	}
}

func TestHelpAndVersionNeedNothing(t *testing.T) {
	for flag, want := range map[string]string{"--help": "--kafka-brokers", "--version": "selftest " + version.Text()} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), []string{flag}, nil, &out, &errOut); code != exitPassed || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit code %d, output %q, errors %q", flag, code, &out, &errOut)
		}
	}
}
