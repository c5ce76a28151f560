package casetest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// reported runs the cases of the golden report.
func reported(t *testing.T) []Result {
	t.Helper()
	suites, err := loadFiles("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var results []Result
	for i := range suites {
		for n := range suites[i].Cases {
			r, err := suites[i].Run(n)
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, r)
		}
	}
	return results
}

func TestTheReportForPeople(t *testing.T) {
	var out bytes.Buffer
	if err := Print(&out, reported(t)); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "report.txt")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("the report is another (-want +got):\n%s", diff)
	}
}

func TestTheReportForCISystems(t *testing.T) {
	results := reported(t)
	var out bytes.Buffer
	if err := PrintJUnit(&out, results); err != nil {
		t.Fatal(err)
	}
	var report suitesXML
	if err := xml.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("it is no XML: %v\n%s", err, out.String())
	}
	if report.Tests != 3 || report.Failures != 1 || len(report.Suites) != 1 || len(report.Suites[0].Cases) != 3 {
		t.Fatalf("it counts wrong: %+v", report)
	}
	for i, c := range report.Suites[0].Cases {
		if failed := c.Failure != nil; c.Name != results[i].Case || c.ClassName != "shop" || failed == results[i].Passed() {
			t.Errorf("case %d is %+v, its result %+v", i, c, results[i].Problems)
		}
	}
	if f := report.Suites[0].Cases[2].Failure; f == nil || f.Message != results[2].Problems[0] {
		t.Errorf("the failure says %+v", f)
	}
}

func TestTheReportForPrograms(t *testing.T) {
	var out bytes.Buffer
	if err := PrintJSON(&out, reported(t)); err != nil {
		t.Fatal(err)
	}
	var list []resultJSON
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	want := []string{"stock.reserve (reserve)", "bank.charge (charge)", "stock.release (reserve, undoing)"}
	if len(list) != 3 || !list[1].Passed || list[2].Passed || list[1].Seconds != 2 || !cmp.Equal(list[1].Messages, want) {
		t.Errorf("it says %+v", list)
	}
}
