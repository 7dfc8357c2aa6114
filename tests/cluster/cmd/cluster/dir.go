package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	dirPrefix = "jasm-cluster-"
	lockFile  = "jasm-cluster.lock"
)

// makeDir makes the cluster's folder; it is locked as long as this process lives.
func makeDir(wanted string) (dir string, lock *os.File, err error) {
	if wanted == "" {
		dir, err = os.MkdirTemp("", dirPrefix)
	} else {
		if dir, err = filepath.Abs(wanted); err == nil {
			removeIfStale(dir)
			err = os.Mkdir(dir, 0o700)
		}
	}
	if err != nil {
		return "", nil, err
	}
	// Locked before it has its name, so that a folder with an unlocked lock file has no owner.
	unnamed := filepath.Join(dir, lockFile+".new")
	if lock, err = os.OpenFile(unnamed, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err != nil {
		return "", nil, err
	}
	if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return "", nil, fmt.Errorf("%s: %w", unnamed, err)
	}
	return dir, lock, os.Rename(unnamed, filepath.Join(dir, lockFile))
}

// removeStale removes what launchers left behind that were killed.
func removeStale() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	for _, dir := range dirs {
		removeIfStale(dir)
	}
}

func removeIfStale(dir string) {
	// The folder for temporary files is everybody's, so a name proves nothing.
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() || !isOwn(dir) {
		return
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return
	}
	_ = removeDir(dir)
}

// removeDir keeps the lock file for last: without it nobody would know that the rest is stale.
func removeDir(dir string) error {
	removeLeftovers(dir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == lockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}
