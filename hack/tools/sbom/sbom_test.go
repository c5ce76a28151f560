package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// billOf writes the bill of a program that is at hand: this test.
func billOf(t *testing.T) (path string, bill *cdx.BOM, raw []byte) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run([]string{"--version", "1.2.3", "--created", "1700000000", path}, &out); err != nil {
		t.Fatal(err)
	}
	raw, bill = slices.Clone(out.Bytes()), &cdx.BOM{}
	if err := cdx.NewBOMDecoder(&out, cdx.BOMFileFormatJSON).Decode(bill); err != nil {
		t.Fatal(err)
	}
	return path, bill, raw
}

// modulesOf asks Go itself what is in a program.
func modulesOf(t *testing.T, path string) []string {
	t.Helper()
	out, err := exec.Command("go", "version", "-m", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) >= 3 && fields[0] == "dep" {
			modules = append(modules, fields[1]+"@"+fields[2])
		}
	}
	return modules
}

func TestTheBillNamesTheModulesThatGoNames(t *testing.T) {
	path, bill, _ := billOf(t)
	var named []string
	for _, c := range *bill.Components {
		if c.Type == cdx.ComponentTypeLibrary && c.Name != "std" {
			named = append(named, c.Name+"@"+c.Version)
		}
	}
	want := modulesOf(t, path)
	slices.Sort(want)
	slices.Sort(named)
	if len(want) == 0 || !slices.Equal(named, want) {
		t.Errorf("the bill names %v, Go names %v", named, want)
	}
}

func TestTheBillSaysWhatIsInWhichProgram(t *testing.T) {
	path, bill, raw := billOf(t)
	program := "saga-operator/" + filepath.Base(path)
	var modules []string
	for _, d := range *bill.Dependencies {
		if d.Ref == program {
			modules = *d.Dependencies
		}
	}
	if len(modules) != len(modulesOf(t, path))+1 || !strings.HasPrefix(modules[0], "pkg:golang/std@1.") {
		t.Errorf("%s is made of %v", program, modules)
	}
	if _, _, again := billOf(t); !bytes.Equal(raw, again) {
		t.Error("the same program has two bills")
	}
}

func TestWhatIsNoProgramHasNoBill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"reading what " + file + " is made of": {"--version", "1", file},
		"no such file or directory":            {"--version", "1", file + "-not"},
		"are required":                         {"--version", "1"},
	} {
		if err := run(args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", args, err, want)
		}
	}
}
