package manifests

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stdin is the argument that stands for what is piped in.
const Stdin = "-"

// Piped is the name of the Source that was piped in.
const Piped = "stdin"

// endings are those of the files that are looked for in directories; a file that is named is read whatever it is called.
var endings = []string{".yaml", ".yml", ".json"}

// Source is the text of one file.
type Source struct {
	Name string // its path, or Piped
	Text string
}

// Sources reads what arguments name: files, directories with all below them, and stdin where one is -. What is hidden is passed over in
// directories, and each file is read once.
func Sources(args []string, stdin io.Reader) ([]Source, error) {
	files, err := Files(args...)
	if err != nil {
		return nil, err
	}
	sources := make([]Source, len(files))
	for i, file := range files {
		if sources[i], err = read(file, stdin); err != nil {
			return nil, err
		}
	}
	return sources, nil
}

func read(file string, stdin io.Reader) (Source, error) {
	if file == Stdin {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return Source{}, fmt.Errorf("reading what is piped in: %w", err)
		}
		return Source{Name: Piped, Text: string(text)}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return Source{}, notRead(file, err)
	}
	return Source{Name: file, Text: string(text)}, nil
}

// Files returns the files that arguments mean, each once, in the arguments' order. Stdin stands for itself.
func Files(args ...string) ([]string, error) {
	var files []string
	for _, arg := range args {
		found, err := filesIn(arg)
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			if !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return files, nil
}

func filesIn(arg string) ([]string, error) {
	if arg == Stdin {
		return []string{arg}, nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, notRead(arg, err)
	}
	if !info.IsDir() {
		return []string{filepath.Clean(arg)}, nil
	}
	var files []string
	root := arg + string(filepath.Separator) // with a separator behind it a link is followed
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(entry.Name(), ".") && path != root
		switch {
		case err != nil:
			return notRead(path, err)
		case entry.IsDir() && hidden:
			return fs.SkipDir
		case !entry.IsDir() && isManifest(entry.Name()):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// Beside returns the files that stand in the directory of a file, itself among them, but none below it.
func Beside(file string) ([]string, error) {
	dir := filepath.Dir(file)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, notRead(dir, err)
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && isManifest(entry.Name()) {
			files = append(files, filepath.Join(dir, entry.Name()))
		}
	}
	return files, nil
}

func isManifest(name string) bool {
	return !strings.HasPrefix(name, ".") && slices.Contains(endings, filepath.Ext(name))
}

// notRead says what is wrong with a file, its name once.
func notRead(file string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("reading %s: %w", file, err)
}
