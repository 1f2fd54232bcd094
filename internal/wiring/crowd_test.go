package wiring

import (
	"net"
	"testing"
	"time"
)

// strangers is a listener whose connections come from where a test says.
type strangers struct {
	net.Listener
	come chan net.Conn
}

func (s strangers) Accept() (net.Conn, error) {
	c, ok := <-s.come
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

type from struct {
	net.Conn
	ip string
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.ip), Port: 1} }

func TestCrowd(t *testing.T) {
	// taken counts how many of n connections from an address are kept open.
	got := make(chan net.Conn, 100)
	taken := func(s strangers, ip string, n int) (kept []net.Conn) {
		t.Helper()
		for range n {
			mine, _ := net.Pipe()
			s.come <- from{mine, ip}
		}
		for {
			select {
			case conn := <-got:
				kept = append(kept, conn)
			case <-time.After(100 * time.Millisecond):
				return kept
			}
		}
	}
	fresh := func() (*crowd, strangers) {
		s := strangers{come: make(chan net.Conn)}
		c := keepCrowdOut(s).(*crowd)
		c.ofOne, c.ofAll = 5, 12
		go func() {
			for {
				conn, err := c.Accept()
				if err != nil {
					return
				}
				got <- conn
			}
		}()
		return c, s
	}
	t.Run("[DOOR] one address has so many connections and no more; others have theirs", func(t *testing.T) {
		c, s := fresh()
		first := taken(s, "192.0.2.1", 9)
		if len(first) != 5 || len(taken(s, "2001:db8::1", 4)) != 4 {
			t.Fatal(len(first), c.open)
		}
		close(s.come)
	})
	t.Run("[DOOR] what is closed makes room, once, however often it is closed", func(t *testing.T) {
		c, s := fresh()
		kept := taken(s, "192.0.2.1", 6)
		for range 3 {
			_ = kept[0].Close()
		}
		if n := len(taken(s, "192.0.2.1", 6)); n != 1 {
			t.Fatal(n, c.open)
		}
		close(s.come)
	})
	t.Run("[DOOR] all together have so many; a proxy on this machine brings everybody's and counts as no one", func(t *testing.T) {
		_, s := fresh()
		if n := len(taken(s, "127.0.0.1", 20)); n != 12 {
			t.Fatal(n)
		}
		close(s.come)
	})
	t.Run("[R22] an address is forgotten with its last connection", func(t *testing.T) {
		c, s := fresh()
		for _, conn := range taken(s, "192.0.2.1", 3) {
			_ = conn.Close()
		}
		if len(c.open) != 0 || c.all != 0 {
			t.Fatal(c.open, c.all)
		}
		close(s.come)
	})
}
