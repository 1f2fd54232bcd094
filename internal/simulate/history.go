package simulate

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// backup is a point that the server may go back to.
type backup struct {
	file     string // a backup as the command makes it
	snapshot string // the folder as a snapshot of the machine has it
	head     int64
	verdicts map[string]string
}

// backup makes both.
func (r *run) backup() error {
	n := len(r.backups)
	head, err := r.server.head()
	if err != nil {
		return err
	}
	b := &backup{file: filepath.Join(r.folder, fmt.Sprintf("backup%d.zip", n)), snapshot: filepath.Join(r.folder, fmt.Sprintf("snapshot%d", n)),
		head: head, verdicts: maps.Clone(r.model.verdicts)}
	if _, err := wiring.Backup(r.home, b.file, r.now()); err != nil {
		return err
	}
	r.backups = append(r.backups, b)
	r.note("backup %d at %d", n, head)
	return copyFolder(r.home, b.snapshot)
}

// hashAt is the journal's hash at a seq, "" when there is no such entry.
func (r *run) hashAt(seq int64) string {
	hash, err := r.server.s.Store.Journal().HashAt(seq)
	if err != nil {
		return ""
	}
	return string(hash)
}

// goBack puts the server where it was, or its folder elsewhere.
func (r *run) goBack(s *Step) error {
	if len(r.backups) == 0 && s.Do != Copy {
		return nil
	}
	head, err := r.server.head()
	if err != nil {
		return err
	}
	var b *backup
	if s.Do != Copy {
		b = r.backups[max(0, len(r.backups)-1-s.N)]
	}
	full := r.server.disk.full
	if err := r.server.stop(); err != nil && !full {
		return err
	}
	r.server, r.up = nil, false
	switch s.Do {
	case Restore:
		_, err = wiring.Restore(b.file, r.home, "", r.now())
	case Rollback:
		err = putBack(b.snapshot, r.home)
	case Copy:
		old := r.home
		r.home = filepath.Join(r.folder, fmt.Sprintf("server%d", r.at))
		err = errors.Join(copyFolder(old, r.home), os.RemoveAll(old))
	}
	if err != nil {
		return err
	}
	r.pass(time.Minute)
	if err := r.boot(); err != nil {
		return err
	}
	if b != nil {
		r.note("%s to backup at %d, from %d", s.Do, b.head, head)
		r.model.wentBack(b, head)
	} else {
		r.note("the folder's copy is served")
	}
	if err := r.afterBoot(); err != nil {
		return err
	}
	return r.refresh()
}
