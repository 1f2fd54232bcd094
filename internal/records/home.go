package records

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Fingerprint names the place that a data folder is served from, hashed: the
// machine, the folder's path, and the database file itself. It tells a copy from
// what it is a copy of (EPOCH-2).
func Fingerprint(dir string) (string, error) {
	return fingerprint(dir, filepath.Join(dir, databases[0]))
}

// fingerprint is that of a folder which will have this database file.
func fingerprint(dir, database string) (string, error) {
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fmt.Errorf("fingerprint of the data folder: %w", err)
	}
	info, err := os.Stat(database)
	if err != nil {
		return "", fmt.Errorf("fingerprint of the data folder: %w", err)
	}
	file, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("fingerprint of the data folder: this system numbers no files")
	}
	// Not every system has one; path and file then have to do.
	machine, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		machine = nil
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%d", bytes.TrimSpace(machine), path, file.Dev, file.Ino))
	return hex.EncodeToString(sum[:]), nil
}
