//go:build unix

package client

import (
	"errors"
	"os"
	"syscall"
)

// takeLock locks the file beside the store. The system frees the lock when the
// process ends in whatever way, so kill -9 leaves nothing to clean up. The
// file itself stays: removing it would let two processes lock two files.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	return nil, err
}
