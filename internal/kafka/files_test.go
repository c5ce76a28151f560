package kafka

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// mount writes the files of a new version beside the old one and turns the link, as the kubelet does with a Secret.
func mount(dir string, version int) error {
	fresh := filepath.Join(dir, fmt.Sprintf("..%d", version))
	link := filepath.Join(dir, "..data")
	return errors.Join(
		os.Mkdir(fresh, 0o755),
		os.WriteFile(filepath.Join(fresh, "username"), fmt.Append(nil, version), 0o600),
		os.WriteFile(filepath.Join(fresh, "password"), fmt.Append(nil, version), 0o600),
		os.Symlink(filepath.Base(fresh), link+"_tmp"),
		os.Rename(link+"_tmp", link),
		os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..%d", version-1))),
	)
}

func TestFilesOfAMountedSecretAreNeverReadFromTwoVersions(t *testing.T) {
	dir := t.TempDir()
	user, password := filepath.Join(dir, "username"), filepath.Join(dir, "password")
	err := errors.Join(mount(dir, 1), os.Symlink("..data/username", user), os.Symlink("..data/password", password))
	if err != nil {
		t.Fatal(err)
	}
	turned, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for version := 2; ; version++ {
			select {
			case <-turned:
				return
			default:
				if err := mount(dir, version); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	whole := 0
	for deadline := time.Now().Add(300 * time.Millisecond); time.Now().Before(deadline); {
		files, err := together(user, password)
		if err != nil {
			continue // gone between two links, or changed all the time: the next connection reads again
		}
		whole++
		if string(files[0]) != string(files[1]) {
			t.Fatalf("user of version %s with the password of version %s", files[0], files[1])
		}
	}
	close(turned)
	<-over
	if whole == 0 {
		t.Error("nothing was ever read")
	}
}
