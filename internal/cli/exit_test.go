package cli

import (
	"strings"
	"testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Texts that commands are given in place of files, where they read what is piped in.
var (
	unreadable    = "a: [b"
	misspelt      = strings.Replace(whole, "command: reserve", "comand: reserve", 1)
	noExpression  = strings.Replace(whole, "command: reserve}", `command: reserve, input: {a: "${b"}}`, 1)
	nothingUndoes = strings.Replace(whole, "{command: release}", "{policy: None}", 1)
	wrongCase     = strings.Replace(whole, "end: Completed", "end: Compensated", 1)
)

type exit struct {
	args  []string
	piped string
	code  int
}

// exits are command lines with the exit code of each, by command: docs/kubectl-saga.md says what they mean.
var exits = map[string]map[string]exit{
	"lint": {
		"all is right":               {[]string{"-"}, whole, exitOK},
		"something may be meant":     {[]string{"-"}, strings.Split(whole, "---")[1], exitOK},
		"something is wrong":         {[]string{"-"}, misspelt, exitFailed},
		"a document is no object":    {[]string{"-"}, unreadable, exitFailed},
		"a file is not there":        {[]string{"gone.yaml"}, "", exitMisused},
		"no file":                    {nil, "", exitMisused},
		"a directory without any":    {[]string{"../unsettled"}, "", exitMisused},
		"a flag that there is not":   {[]string{"-", "--fast"}, whole, exitMisused},
		"an output that there isn't": {[]string{"-", "-o", "yaml"}, whole, exitMisused},
	},
	"topics": {
		"topics are listed":             {[]string{"-"}, whole, exitOK},
		"a file is not there":           {[]string{"gone.yaml"}, "", exitMisused},
		"a document is no object":       {[]string{"-"}, unreadable, exitMisused},
		"a definition does not compile": {[]string{"-"}, noExpression, exitMisused},
		"a number out of bounds":        {[]string{"-", "--partitions", "0"}, whole, exitMisused},
	},
	"simulate": {
		"every life ends well":        {[]string{"-"}, whole, exitOK},
		"one does not":                {[]string{"-", "--assume-effects"}, nothingUndoes, exitFailed},
		"a file is not there":         {[]string{"gone.yaml"}, "", exitMisused},
		"a document is no object":     {[]string{"-"}, unreadable, exitMisused},
		"a field is misspelt":         {[]string{"-"}, misspelt, exitMisused},
		"an expression is none":       {[]string{"-"}, noExpression, exitMisused},
		"there is nothing to play":    {[]string{"-"}, strings.Split(whole, "---")[0], exitMisused},
		"params do not match":         {[]string{"-", "--params", `{"a": 1}`}, strings.Replace(whole, "spec: {steps", "spec: {parameters: {type: object, additionalProperties: false}, steps", 1), exitMisused},
		"a step that there is not":    {[]string{"-", "--step", "x"}, whole, exitMisused},
		"outputs that are no objects": {[]string{"-", "--outputs", `{"x": 1}`}, whole, exitMisused},
	},
	"test": {
		"all pass":                {[]string{"-"}, whole, exitOK},
		"one fails":               {[]string{"-"}, wrongCase, exitFailed},
		"a file is not there":     {[]string{"gone.yaml"}, "", exitMisused},
		"a document is no object": {[]string{"-"}, unreadable, exitMisused},
		"a field is misspelt":     {[]string{"-"}, misspelt, exitMisused},
		"there are no cases":      {[]string{"-"}, strings.Split(whole, "---")[1], exitMisused},
		"no case is meant":        {[]string{"-", "--run", "nothing"}, whole, exitMisused},
		"a report has no place":   {[]string{"-", "--junit", "gone/report.xml"}, whole, exitFailed},
	},
	"dev": {
		"all are done":             {[]string{"-f", "-", "--once", "--port", "0"}, whole, exitOK},
		"one has not ended":        {[]string{"-f", "-", "--once", "--port", "0", "--real", "stock", "--timeout", "1s"}, whole, exitFailed},
		"a file is not there":      {[]string{"-f", "gone.yaml", "--once", "--port", "0"}, "", exitMisused},
		"a document is no object":  {[]string{"-f", "-", "--once", "--port", "0"}, unreadable, exitMisused},
		"an expression is none":    {[]string{"-f", "-", "--once", "--port", "0"}, noExpression, exitMisused},
		"there is nothing to run":  {[]string{"-f", "-", "--once", "--port", "0"}, strings.Split(whole, "---")[1], exitMisused},
		"no file":                  {[]string{"--once"}, "", exitMisused},
		"a flag without its value": {[]string{"-f"}, "", exitMisused},
	},
	"help":       {"asked for": {nil, "", exitOK}},
	"completion": {"of a shell": {[]string{"bash"}, "", exitOK}},
	"":           {"nothing asked": {nil, "", exitOK}, "the version": {[]string{"--version"}, "", exitOK}},
	"lnt":        {"no command": {nil, "", exitMisused}},
}

func TestTheExitCodeOfEachOfflineCommand(t *testing.T) {
	t.Setenv("KUBECONFIG", "gone")
	for command, rows := range exits {
		for name, row := range rows {
			t.Run(command+" "+name, func(t *testing.T) {
				args := row.args
				if command != "" {
					args = append([]string{command}, row.args...)
				}
				expect(t, runWith(row.piped, args...), row.code)
			})
		}
	}
}

func TestTheExitCodeOfEachCommandAboutACluster(t *testing.T) {
	c := newCluster(t)
	c.make("there", inPhase(v1alpha1.PhaseCompleted))
	for name, row := range map[string]struct {
		line string
		code int
	}{
		"start one":                 {"start checkout --name new", exitOK},
		"start it again":            {"start checkout --name there", exitFailed},
		"start what is not named":   {"start", exitMisused},
		"start with params of none": {"start checkout --params-file gone.yaml", exitMisused},
		"get all":                   {"get", exitOK},
		"get none of that name":     {"get gone", exitFailed},
		"get a strange output":      {"get -o table", exitMisused},
		"tree":                      {"tree gone", exitFailed},
		"tree of nothing":           {"tree", exitMisused},
		"why":                       {"why gone", exitFailed},
		"why of nothing":            {"why", exitMisused},
		"watch what is completed":   {"watch there", exitOK},
		"watch what is not there":   {"watch gone", exitFailed},
		"watch nothing":             {"watch", exitMisused},
		"suspend what has ended":    {"suspend there", exitFailed},
		"resume what is not there":  {"resume gone", exitFailed},
		"abort nothing":             {"abort", exitMisused},
		"abort none that match":     {"abort -l a=b", exitOK},
		"adopt at a strange rate":   {"adopt there --rate 0", exitMisused},
		"approve what has ended":    {"approve there --by ada --reason x", exitFailed},
		"approve decision -1":       {"approve there --decision -1", exitMisused},
		"decline without a reason":  {"decline there", exitMisused},
		"resolve strangely":         {"resolve there --action Undo --reason x", exitMisused},
		"retry what has ended":      {"retry there --by ada --reason x", exitFailed},
		"rerun what is not there":   {"rerun gone", exitFailed},
		"rerun nothing":             {"rerun", exitMisused},
		"topics of the namespace":   {"topics", exitOK},
		"a context that is none":    {"get --context gone", exitMisused},
	} {
		t.Run(name, func(t *testing.T) {
			c.expect(c.run(strings.Fields(row.line)...), row.code)
		})
	}
}

func TestAKubeconfigThatIsNotThereIsAMisuseAndAServerThatIsNotAFailure(t *testing.T) {
	expect(t, runWith("", "get", "--kubeconfig", "gone"), exitMisused, "gone")
	expect(t, runWith("", "get", "--server", "http://127.0.0.1:1"), exitFailed, "127.0.0.1:1")
}
