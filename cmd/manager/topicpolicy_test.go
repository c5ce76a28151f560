package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"

	"github.com/sagas-dev/saga-operator/internal/config"
)

func TestTheTopicPolicyIsReadFromItsFile(t *testing.T) {
	for name, test := range map[string]struct {
		text  string // empty: no file is named
		topic string
		want  bool
		err   string
	}{
		"no file permits every topic":    {"", "bank.transfers", true, ""},
		"but not the operator's own":     {"", "default.saga.replies", false, ""},
		"what a rule permits":            {`rules: [{namespaces: [shop], topicPrefixes: [shop.]}]`, "shop.commands", true, ""},
		"nothing else":                   {`rules: [{namespaces: [shop], topicPrefixes: [shop.]}]`, "bank.transfers", false, ""},
		"a wrong file is named, and why": {`rules: [{namespaces: [Shop], topicPrefixes: [shop.]}]`, "", false, "policy.yaml: invalid topic policy: rules[0].namespaces[0]: must be"},
		"so is one that is not there":    {"-", "", false, "reading the topic policy (--topic-policy-file): open "},
	} {
		t.Run(name, func(t *testing.T) {
			p := &parts{log: logr.Discard()}
			if test.text != "" {
				p.cfg = config.Config{TopicPolicyFile: filepath.Join(t.TempDir(), "policy.yaml")}
			}
			if len(test.text) > 1 {
				if err := os.WriteFile(p.cfg.TopicPolicyFile, []byte(test.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := p.readTopicPolicy()
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v; want %q", err, test.err)
				}
				return
			}
			if err != nil || p.may.Permits("shop", test.topic) != test.want {
				t.Errorf("error %v; %s is permitted: %t; want %t", err, test.topic, !test.want, test.want)
			}
		})
	}
}
