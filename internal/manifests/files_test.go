package manifests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree is a directory with files, whose paths and texts are given.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, text)
	}
	return dir
}

func TestFilesDirectoriesAndWhatIsPipedInAreRead(t *testing.T) {
	dir := tree(t, map[string]string{
		"b/deep.yml": "1", "b/c/deeper.yaml": "2", "a.yaml": "3", "c.json": "4", "notes.txt": "5", ".hidden.yaml": "6", ".github/workflow.yaml": "7",
	})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(dir, "b"), link); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"a directory with all below it":         {[]string{dir}, []string{"a.yaml=3", "b/c/deeper.yaml=2", "b/deep.yml=1", "c.json=4"}},
		"a file whatever it is called":          {[]string{dir + "/notes.txt", dir + "/.hidden.yaml"}, []string{"notes.txt=5", ".hidden.yaml=6"}},
		"a hidden directory that is named":      {[]string{dir + "/.github"}, []string{".github/workflow.yaml=7"}},
		"what is piped in, in its place":        {[]string{dir + "/a.yaml", "-", dir + "/c.json"}, []string{"a.yaml=3", "stdin=piped", "c.json=4"}},
		"each once, whatever names it":          {[]string{dir + "/c.json", dir + "/b/../c.json", dir + "/b/", "-", "-", dir}, []string{"c.json=4", "b/c/deeper.yaml=2", "b/deep.yml=1", "stdin=piped", "a.yaml=3"}},
		"what a link leads to, by its own name": {[]string{link}, []string{"link/c/deeper.yaml=2", "link/deep.yml=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			sources, err := Sources(c.args, strings.NewReader("piped"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range sources {
				for _, root := range []string{dir, filepath.Dir(link)} {
					s.Name = strings.TrimPrefix(s.Name, root+"/")
				}
				got = append(got, s.Name+"="+s.Text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFileThatCannotBeReadIsNamedOnce(t *testing.T) {
	_, err := Sources([]string{"gone.yaml"}, nil)
	if err == nil || err.Error() != "reading gone.yaml: no such file or directory" {
		t.Errorf("the error is %v", err)
	}
}

func TestBesideAFileStandsWhatIsInItsDirectoryAndNoDeeper(t *testing.T) {
	dir := tree(t, map[string]string{"a.yaml": "", "b.json": "", "c.txt": "", ".d.yaml": "", "e/f.yaml": ""})
	files, err := Beside(filepath.Join(dir, "a.yaml"))
	if diff := cmp.Diff([]string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.json")}, files); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
}
