package cli

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// openPatience is how long a start waits for another that opens the same
// folder: the first start after an update moves what is stored, and may take
// its time.
const openPatience = 2 * time.Minute

// opening makes the folder and waits until nobody else is opening it. Who opens
// it makes or changes tables, rules and content, and two at once trip over each
// other. The lock is on the folder itself, and the system frees it when the
// process dies. It comes before the folder's own lock, so that a command never
// stands in a server's way.
func opening(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fail(ExitUnwritable, "the folder "+dir+" can't be made: "+err.Error(), "Give a folder that this user may write: --dir FOLDER")
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fail(ExitUnwritable, "the folder "+dir+" can't be read: "+err.Error(), "Give this user the folder, or give another: --dir FOLDER")
	}
	for until := time.Now().Add(openPatience); ; time.Sleep(50 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return nil, errors.Join(fail(ExitUnwritable, "the folder "+dir+" can't be locked: "+err.Error(), "Put it on a disk of this machine."), f.Close())
		case time.Now().After(until):
			return nil, errors.Join(fail(ExitLocked, "another fieldpost has been opening the folder "+dir+" for "+openPatience.String(), "See what it does, or stop it, and try again."), f.Close())
		}
	}
}
