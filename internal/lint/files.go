package lint

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Stdin is the argument that stands for what is piped in.
const Stdin = "-"

// endings are those of the files that are looked for in directories; a file that is named is read whatever it is called.
var endings = []string{".yaml", ".yml", ".json"}

// Read reads files, directories with all below them, and stdin where an argument is -.
func Read(args []string, stdin io.Reader) ([]Source, error) {
	var sources []Source
	for _, arg := range args {
		if arg == Stdin {
			text, err := io.ReadAll(stdin)
			if err != nil {
				return nil, fmt.Errorf("reading what is piped in: %w", err)
			}
			sources = append(sources, Source{Name: "stdin", Text: string(text)})
			continue
		}
		found, err := readPath(arg)
		if err != nil {
			return nil, err
		}
		sources = append(sources, found...)
	}
	return sources, nil
}

func readPath(root string) ([]Source, error) {
	var sources []Source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return nil
		case path != root && !slices.Contains(endings, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sources = append(sources, Source{Name: path, Text: string(text)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", root, err)
	}
	return sources, nil
}
