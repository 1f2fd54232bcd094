package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// errNoNamespaces tells that this system does not let us make networks of our
// own; the measurement is then left out, by name.
var errNoNamespaces = errors.New("network namespaces or TUN devices are not allowed here")

// The two ends of the line.
const (
	serverIP = "10.77.0.1"
	phoneIP  = "10.77.0.2"
	tunName  = "fieldpost0"
)

// startIsolated runs this program again, in a network namespace of its own. It
// hands us its one network device over a socket.
func startIsolated(side, kind string) (*isolated, error) {
	dir, err := os.MkdirTemp("", "fieldpost-link-")
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self, "isolated", side, kind, dir)
	c.Stderr = os.Stderr
	c.ExtraFiles = []*os.File{theirs}
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	err = c.Start()
	theirs.Close()
	if errors.Is(err, syscall.EPERM) {
		return nil, errNoNamespaces
	}
	if err != nil {
		return nil, err
	}
	stop := func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
		_ = os.RemoveAll(dir)
	}
	tun, err := receive(ours)
	if err != nil {
		stop()
		return nil, err
	}
	return &isolated{tun, json.NewEncoder(in), json.NewDecoder(out), stop}, nil
}

// receive takes an open file that a child hands us; none means that the child
// could not make its device.
func receive(socket *os.File) (*os.File, error) {
	data, room := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	if err := unix.SetsockoptTimeval(int(socket.Fd()), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		return nil, err
	}
	_, n, _, _, err := unix.Recvmsg(int(socket.Fd()), data, room, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", errNoNamespaces, err)
	}
	list, err := unix.ParseSocketControlMessage(room[:n])
	if err != nil || len(list) != 1 {
		return nil, errNoNamespaces
	}
	fds, err := unix.ParseUnixRights(&list[0])
	if err != nil || len(fds) != 1 {
		return nil, errNoNamespaces
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that a close ends a read
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "tun"), nil
}

// isolatedChild is the program in its own network.
func isolatedChild(side, kind, dir string) error {
	own, peer := phoneIP, serverIP
	if side == "server" {
		own, peer = serverIP, phoneIP
	}
	socket := 3
	tun, err := makeTun(own, peer)
	if err != nil {
		_ = unix.Sendmsg(socket, []byte{0}, nil, nil, 0)
		return err
	}
	if err := unix.Sendmsg(socket, []byte{1}, unix.UnixRights(tun), nil, 0); err != nil {
		return err
	}
	if err := errors.Join(unix.Close(socket), unix.Close(tun)); err != nil {
		return err
	}
	if side == "server" {
		return child(linkKinds[kind].server, dir, own+":0")
	}
	if linkKinds[kind].browser {
		return browserPhone(kind, dir)
	}
	return phone(kind, dir)
}

// makeTun makes a point-to-point network device between two addresses.
func makeTun(own, peer string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open tun: %w", err)
	}
	ifr, err := unix.NewIfreq(tunName)
	if err != nil {
		return 0, err
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return 0, fmt.Errorf("make tun: %w", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(s)
	set := func(request uint, change func(*unix.Ifreq) error) error {
		ifr, err := unix.NewIfreq(tunName)
		if err == nil {
			err = change(ifr)
		}
		if err == nil {
			err = unix.IoctlIfreq(s, request, ifr)
		}
		return err
	}
	address := func(ip string) func(*unix.Ifreq) error {
		return func(i *unix.Ifreq) error { return i.SetInet4Addr(ip4(ip)) }
	}
	for _, step := range []error{
		set(unix.SIOCSIFADDR, address(own)),
		set(unix.SIOCSIFDSTADDR, address(peer)),
		set(unix.SIOCSIFMTU, func(i *unix.Ifreq) error { i.SetUint32(1500); return nil }),
		set(unix.SIOCSIFFLAGS, func(i *unix.Ifreq) error { i.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }),
	} {
		if step != nil {
			return 0, fmt.Errorf("set up tun: %w", step)
		}
	}
	return fd, nil
}

func ip4(text string) []byte {
	var b [4]byte
	_, _ = fmt.Sscanf(text, "%d.%d.%d.%d", &b[0], &b[1], &b[2], &b[3]) // our own constants
	return b[:]
}

// phone is told where the server is, gets ready, and then sends 50 observations
// each time it is asked; it says how long that took.
func phone(kind, dir string) error {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var server ready
	if err := in.Decode(&server); err != nil {
		return err
	}
	send := stockPhone
	if kind == kindFieldpost {
		send = fieldpostPhone
	}
	round, err := send(&server, dir)
	if err != nil {
		return err
	}
	if err := out.Encode(true); err != nil {
		return err
	}
	for {
		var again bool
		if in.Decode(&again) != nil {
			return nil // no more rounds
		}
		took, err := round()
		if err != nil {
			return err
		}
		if err := out.Encode(took.Seconds()); err != nil {
			return err
		}
	}
}

// browserPhone hands the conversation to a browser in this network.
func browserPhone(kind, dir string) error {
	runtime.LockOSThread() // the signal below comes when this thread ends
	c := exec.Command("node", filepath.Join("bench", "link.mjs"), kind, dir, os.Getenv(fillEnv))
	c.Dir = webDir
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return c.Run()
}

// fieldpostPhone is a device as the product's client library makes one.
func fieldpostPhone(server *ready, dir string) (func() (time.Duration, error), error) {
	transport := &http.Transport{}
	d, err := client.Open(filepath.Join(dir, "phone.db"), client.Options{HTTP: &http.Client{Transport: transport}})
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	if _, err := d.Enroll(ctx, server.URL, server.Invite, "bench"); err != nil {
		return nil, err
	}
	r := rand.New(rand.NewSource(1))
	return func() (time.Duration, error) {
		for range linkDocs {
			if _, err := d.Do(client.Op{Op: wire.OpCreate, Collection: "observations", Fields: observation(r, server.Site)}); err != nil {
				return 0, err
			}
		}
		transport.CloseIdleConnections()
		start := time.Now()
		report, err := d.Push(ctx)
		if err != nil {
			return 0, err
		}
		if report.Sent != linkDocs || report.Parked != 0 {
			return 0, fmt.Errorf("sent %d, parked %d", report.Sent, report.Parked)
		}
		return time.Since(start), nil
	}, nil
}

// stockPhone sends one batch request, as PocketBase's own client would.
func stockPhone(server *ready, _ string) (func() (time.Duration, error), error) {
	transport := &http.Transport{DisableCompression: true}
	c := &http.Client{Transport: transport}
	r := rand.New(rand.NewSource(1))
	return func() (time.Duration, error) {
		var requests []any
		for range linkDocs {
			doc := observation(r, server.Site)
			doc["id"] = recordID(r)
			requests = append(requests, map[string]any{"method": "POST", "url": "/api/collections/observations/records", "body": doc})
		}
		transport.CloseIdleConnections()
		start := time.Now()
		body, err := json.Marshal(map[string]any{"requests": requests})
		if err != nil {
			return 0, err
		}
		req, err := http.NewRequest(http.MethodPost, server.URL+"/api/batch", bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		_, err = send(c, req, server.Token, false)
		return time.Since(start), err
	}, nil
}
