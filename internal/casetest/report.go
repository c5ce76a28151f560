package casetest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Print writes a line per case, then why the failed ones failed: what is wrong, the messages that differ, and what happened.
func Print(w io.Writer, results []Result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TEST\tCASE\tEND\tTIME\tMESSAGES\tRESULT")
	failed := 0
	for _, r := range results {
		word := "passed"
		if !r.Passed() {
			word = "FAILED"
			failed++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", r.Test, r.Case, r.End, r.Took, len(r.Sent), word)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	for _, r := range results {
		if !r.Passed() {
			fmt.Fprintf(w, "\n%s: %s / %s\n%s", r.File, r.Test, r.Case, indented(r.why()))
		}
	}
	noun := "cases"
	if len(results) == 1 {
		noun = "case"
	}
	_, err := fmt.Fprintf(w, "\n%d %s, %d failed\n", len(results), noun, failed)
	return err
}

// why says in lines why the case failed.
func (r Result) why() []string {
	lines := append([]string{}, r.Problems...)
	if len(r.Diff) > 0 {
		lines = append(lines, "messages:")
		for _, d := range r.Diff {
			lines = append(lines, "  "+d)
		}
	}
	lines = append(lines, "what happened:")
	for _, t := range r.Trace {
		lines = append(lines, "  "+t)
	}
	return lines
}

func indented(lines []string) string { return "  " + strings.Join(lines, "\n  ") + "\n" }

// resultJSON is a result for programs.
type resultJSON struct {
	File     string   `json:"file"`
	Test     string   `json:"test"`
	Case     string   `json:"case"`
	Passed   bool     `json:"passed"`
	End      string   `json:"end"`
	Seconds  float64  `json:"seconds"` // on the case's clock
	Messages []string `json:"messages"`
	Problems []string `json:"problems,omitempty"`
	Diff     []string `json:"diff,omitempty"`
	Trace    []string `json:"trace"`
}

// PrintJSON writes the results as a JSON list.
func PrintJSON(w io.Writer, results []Result) error {
	list := make([]resultJSON, len(results))
	for i, r := range results {
		list[i] = resultJSON{
			File: r.File, Test: r.Test, Case: r.Case, Passed: r.Passed(), End: string(r.End), Seconds: r.Took.Seconds(),
			Messages: []string{}, Problems: r.Problems, Diff: r.Diff, Trace: r.Trace,
		}
		for _, m := range r.Sent {
			list[i].Messages = append(list[i].Messages, describe(m.Command))
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(list); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}

// suitesXML is a report in the form that CI systems read, named after JUnit.
type suitesXML struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Suites   []suiteXML `xml:"testsuite"`
}

type suiteXML struct {
	Name     string    `xml:"name,attr"`
	Tests    int       `xml:"tests,attr"`
	Failures int       `xml:"failures,attr"`
	Cases    []caseXML `xml:"testcase"`
}

type caseXML struct {
	Name      string      `xml:"name,attr"`
	ClassName string      `xml:"classname,attr"`
	File      string      `xml:"file,attr"`
	Time      string      `xml:"time,attr"` // seconds on the case's clock
	Failure   *failureXML `xml:"failure,omitempty"`
}

type failureXML struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// PrintJUnit writes the results in JUnit's form, one suite per document of cases.
func PrintJUnit(w io.Writer, results []Result) error {
	report := suitesXML{}
	for _, r := range results {
		last := len(report.Suites) - 1
		if last < 0 || report.Suites[last].Name != r.Test {
			report.Suites = append(report.Suites, suiteXML{Name: r.Test})
			last++
		}
		suite := &report.Suites[last]
		c := caseXML{Name: r.Case, ClassName: r.Test, File: r.File, Time: seconds(r.Took)}
		if !r.Passed() {
			c.Failure = &failureXML{Message: r.Problems[0], Text: strings.Join(r.why(), "\n")}
			suite.Failures++
			report.Failures++
		}
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		report.Tests++
	}
	raw, err := xml.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, raw)
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
