package wiring

import (
	"net"
	"sync"
	"syscall"
)

// How many connections may be open at once, at most: by one address, and in
// all. An operation may sit behind one address, with two or three for each of
// its people. All together they leave half of the process's files to the
// databases.
const (
	maxOpenOfOne = 400
	maxOpenOfAll = 8192
)

// crowd is a listener that hangs up on who holds too many connections open
// already, by saying nothing on them, say.
type crowd struct {
	net.Listener
	ofOne, ofAll int

	mu   sync.Mutex
	open map[string]int // by address; in memory only (R22)
	all  int
}

func keepCrowdOut(l net.Listener) net.Listener {
	c := &crowd{Listener: l, ofOne: maxOpenOfOne, ofAll: maxOpenOfAll, open: map[string]int{}}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && files.Cur/2 < uint64(c.ofAll) {
		c.ofAll = int(files.Cur / 2)
	}
	return c
}

// Accept gives the next connection that is not one too many.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := ""
		// A proxy on this machine brings everybody's.
		if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			from = tcp.IP.String()
		}
		if c.takes(from) {
			return &counted{Conn: conn, gone: sync.OnceFunc(func() { c.leaves(from) })}, nil
		}
		_ = conn.Close() // whoever it is tries again
	}
}

func (c *crowd) takes(from string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= c.ofAll || from != "" && c.open[from] >= c.ofOne {
		return false
	}
	c.all++
	c.open[from]++
	return true
}

func (c *crowd) leaves(from string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.open[from]--; c.open[from] == 0 {
		delete(c.open, from)
	}
}

type counted struct {
	net.Conn
	gone func()
}

func (c *counted) Close() error {
	c.gone()
	return c.Conn.Close()
}
