package topicpolicy

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const example = `
rules:
- {namespaces: [shop, team-*], topicPrefixes: [shop., orders]}
- {namespaces: ["*"], topicPrefixes: [common.]}
- {namespaces: [shop], topicPrefixes: [shop., eu.]}
`

func parsed(t *testing.T, text string) Policy {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhoMayNameWhat(t *testing.T) {
	p, none := parsed(t, example), parsed(t, "rules: []")
	for name, test := range map[string]struct {
		policy           Policy
		namespace, topic string
		want             bool
	}{
		"a namespace that is named":             {p, "shop", "shop.commands", true},
		"by another rule of it":                 {p, "shop", "eu.commands", true},
		"a namespace that begins so":            {p, "team-a", "shop.commands", true},
		"the beginning itself":                  {p, "team-", "shop.commands", true},
		"one that begins otherwise":             {p, "team", "shop.commands", false},
		"one whose name goes on":                {p, "shop2", "shop.commands", false},
		"every namespace by the star":           {p, "anybody", "common.events", true},
		"a topic that begins otherwise":         {p, "shop", "shopping.commands", false},
		"a prefix without a dot goes on":        {p, "shop", "orders2", true},
		"the prefix itself":                     {p, "shop", "shop.", true},
		"a topic that is shorter":               {p, "shop", "shop", false},
		"capitals are others":                   {p, "shop", "Shop.commands", false},
		"no rules permit nothing":               {none, "shop", "shop.commands", false},
		"nor does no policy":                    {Policy{}, "shop", "shop.commands", false},
		"all is all":                            {AllowAll(), "shop", "anything", true},
		"but not the replies of this operator":  {AllowAll(), "shop", "default.saga.replies", false},
		"nor those of another":                  {AllowAll(), "shop", "europe-1.saga.replies", false},
		"nor its outcomes":                      {AllowAll(), "shop", "default.saga.outcomes", false},
		"nor its dead letters":                  {AllowAll(), "shop", "default.saga.deadletters", false},
		"nor what is Kafka's":                   {AllowAll(), "shop", "__consumer_offsets", false},
		"a topic about sagas is no operator's":  {AllowAll(), "shop", "shop.saga.commands", true},
		"nor one that only begins like one":     {AllowAll(), "shop", "a.saga.replies.old", true},
		"a rule for it does not help":           {parsed(t, `rules: [{namespaces: [shop], topicPrefixes: [default.saga.]}]`), "shop", "default.saga.replies", false},
		"a star in a topic's name means itself": {AllowAll(), "shop", "*", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.policy.Permits(test.namespace, test.topic); got != test.want {
				t.Errorf("%s may name %s: %t; want %t", test.namespace, test.topic, got, test.want)
			}
		})
	}
}

func TestDeadLettersAreReadByWhomARuleNamesThemInFull(t *testing.T) {
	p := parsed(t, `rules:
- {namespaces: [shop], topicPrefixes: [shop, shop.saga.deadletters]}
- {namespaces: [team-*], topicPrefixes: [shop.saga., shop.saga.replies, __consumer_offsets]}
`)
	for name, test := range map[string]struct {
		policy           Policy
		namespace, topic string
		want             bool
	}{
		"an ordinary topic":                            {p, "shop", "shop.orders", true},
		"an ordinary topic of others":                  {p, "team-a", "shop.orders", false},
		"dead letters that are named":                  {p, "shop", "shop.saga.deadletters", true},
		"dead letters of which a beginning is named":   {p, "team-a", "shop.saga.deadletters", false},
		"another installation's dead letters":          {p, "shop", "shop-2.saga.deadletters", false},
		"replies, though they are named":               {p, "team-a", "shop.saga.replies", false},
		"Kafka's own topics, though they are named":    {p, "team-a", "__consumer_offsets", false},
		"dead letters where everything is permitted":   {AllowAll(), "team-a", "shop.saga.deadletters", true},
		"replies where everything is permitted":        {AllowAll(), "team-a", "shop.saga.replies", false},
		"outcomes where everything is permitted":       {AllowAll(), "team-a", "shop.saga.outcomes", false},
		"an ordinary topic if everything is permitted": {AllowAll(), "team-a", "shop.orders", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.policy.PermitsReading(test.namespace, test.topic); got != test.want {
				t.Errorf("%s may read %s: %t; want %t", test.namespace, test.topic, got, test.want)
			}
		})
	}
}

func TestThePrefixesOfANamespaceAreToldOnceAndInOrder(t *testing.T) {
	p := parsed(t, example)
	for namespace, want := range map[string][]string{
		"shop": {"common.", "eu.", "orders", "shop."}, "team-7": {"common.", "orders", "shop."}, "other": {"common."},
	} {
		if got := p.Prefixes(namespace); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q; want %q", namespace, got, want)
		}
	}
	if got := AllowAll().Prefixes("shop"); len(got) != 0 {
		t.Errorf("all: %q; want none", got)
	}
}

func TestAWrongPolicyIsRefusedWithFieldAndBound(t *testing.T) {
	rule := func(namespace, prefix string) string {
		return `rules: [{namespaces: ["` + namespace + `"], topicPrefixes: ["` + prefix + `"]}]`
	}
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                       {"", "rules: is required; [] permits no topic at all"},
		"a list":                        {"- a", "cannot unmarshal array"},
		"a field that is misspelt":      {`rules: [{namespace: [shop], topicPrefixes: [a]}]`, `unknown field "namespace"`},
		"a field too many":              {"rules: []\nallowAll: true", `unknown field "allowAll"`},
		"a field twice":                 {"rules: []\nrules: []", `"rules" already set`},
		"a word for a list":             {`rules: [{namespaces: shop, topicPrefixes: [a]}]`, "namespaces"},
		"no namespaces":                 {`rules: [{topicPrefixes: [a]}]`, "rules[0].namespaces: has 0 entries, from 1 to 1000 are needed"},
		"no prefixes":                   {`rules: [{namespaces: [shop]}]`, "rules[0].topicPrefixes: has 0 entries, from 1 to 1000 are needed"},
		"a namespace in capitals":       {rule("Shop", "a"), `rules[0].namespaces[0]: must be the name of a namespace`},
		"a star in the middle":          {rule("a*b", "a"), `or * alone, is "a*b"`},
		"a namespace that is too long":  {rule(strings.Repeat("a", 64), "a"), "at most 63"},
		"an empty prefix":               {rule("shop", ""), `rules[0].topicPrefixes[0]: must have from 1 to 249 letters`},
		"a prefix with a star":          {rule("shop", "shop.*"), `rules[0].topicPrefixes[0]: is a beginning anyway and takes no *, is "shop.*"`},
		"a prefix with a blank":         {rule("shop", "a b"), `from 1 to 249 letters, digits, dots, underscores or dashes, is "a b"`},
		"a prefix that is too long":     {rule("shop", strings.Repeat("a", 250)), "from 1 to 249"},
		"the second fault is told, too": {`rules: [{namespaces: [A], topicPrefixes: [a]}, {namespaces: [b], topicPrefixes: [" "]}]`, "rules[1].topicPrefixes[0]"},
		"too many rules":                {"rules:" + strings.Repeat("\n- {namespaces: [a], topicPrefixes: [a]}", 1001), "rules: has 1001 entries, at most 1000 are read"},
		"too many bytes":                {"#" + strings.Repeat(" ", 1<<20), "it has 1048577 bytes, at most 1048576 are read"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(test.text)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want %q", err, test.want)
			}
		})
	}
}

// TestPermissionIsWhatTheRulesSayAndNothingElse compares with the rules read one by one, over names that share beginnings.
func TestPermissionIsWhatTheRulesSayAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[ab]{1,3}`)
		entry := rapid.Custom(func(t *rapid.T) string {
			return name.Draw(t, "name") + rapid.SampledFrom([]string{"", "*"}).Draw(t, "star")
		})
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
			return Rule{rapid.SliceOfN(entry, 1, 3).Draw(t, "namespaces"), rapid.SliceOfN(name, 1, 3).Draw(t, "prefixes")}
		}), 0, 3).Draw(t, "rules")
		namespace, topic := name.Draw(t, "namespace"), name.Draw(t, "topic")
		p := Policy{rules: rules}

		want := false
		for _, r := range rules {
			for _, n := range r.Namespaces {
				for _, prefix := range r.TopicPrefixes {
					in := n == namespace || n[len(n)-1] == '*' && len(namespace) >= len(n)-1 && namespace[:len(n)-1] == n[:len(n)-1]
					want = want || in && len(topic) >= len(prefix) && topic[:len(prefix)] == prefix
				}
			}
		}
		if got := p.Permits(namespace, topic); got != want {
			t.Fatalf("%s may name %s: %t; want %t", namespace, topic, got, want)
		}
		told := false
		for _, prefix := range p.Prefixes(namespace) {
			told = told || strings.HasPrefix(topic, prefix)
		}
		if told != want {
			t.Fatalf("the prefixes %q say %t of %s; want %t", p.Prefixes(namespace), told, topic, want)
		}
	})
}
