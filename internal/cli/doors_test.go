package cli_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serveProcess is `fieldpost serve` in a process of its own.
type serveProcess struct {
	cmd        *exec.Cmd
	url, admin string // admin is "" if there is none
	out        *bufio.Reader
	said       *bytes.Buffer // standard error
}

var upLine = regexp.MustCompile(`^Fieldpost is up at (\S+) \((?:dashboard: (\S+)/_/|no dashboard: --admin-http is off)\)\n$`)

func serveOn(t *testing.T, args ...string) *serveProcess {
	t.Helper()
	p := &serveProcess{cmd: exec.Command(binary(t), append([]string{"serve"}, args...)...), said: &bytes.Buffer{}}
	p.cmd.Stderr = p.said
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	p.out = bufio.NewReader(out)
	line, err := p.out.ReadString('\n')
	m := upLine.FindStringSubmatch(line)
	if err != nil || m == nil {
		t.Fatalf("%q %v %s", line, err, p.said)
	}
	p.url, p.admin = m[1], m[2]
	return p
}

// stop ends it in good order and gives the rest of what it said.
func (p *serveProcess) stop(t *testing.T) string {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(p.out)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit %d: %s", code, p.said)
	}
	return string(rest)
}

// ownCertificate makes a certificate for 127.0.0.1 and gives its files.
func ownCertificate(t *testing.T, until time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: raw}, key: {Type: "PRIVATE KEY", Bytes: rawKey}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestServeAddresses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	t.Run("[CLI] [DOOR] an address that others reach is refused without TLS, and one for superusers in any case, unless one says so", func(t *testing.T) {
		for hint, args := range map[string][]string{
			"--plain-http":       {"--http", "0.0.0.0:0"},
			"--admin-anywhere":   {"--http", "127.0.0.1:0", "--admin-http", "0.0.0.0:0"},
			"--https :443":       {"--domain", "example.org"},
			"--domain NAME":      {"--https", "127.0.0.1:0"},
			"--tls-cert FILE":    {"--https", "127.0.0.1:0", "--tls-cert", "/nowhere", "--tls-key", "/nowhere"},
			"come to it by ssh ": {"--http", "127.0.0.1:0", "--admin-http", ":0"},
		} {
			if out := exits(t, 2, append([]string{"serve", "--dir", dir}, args...)...); !strings.Contains(out, hint) {
				t.Errorf("%v: %s", args, out)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "data.db")); err == nil {
			t.Error("a database was made")
		}
	})
	t.Run("[CLI] [DOOR] both addresses are printed, and both end with the server", func(t *testing.T) {
		p := serveOn(t, "--http", "127.0.0.1:0", "--dir", dir)
		for _, at := range []string{p.url + "/api/sync/hello", p.admin + "/_/"} {
			res, err := http.Get(at)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s: %d", at, res.StatusCode)
			}
		}
		p.stop(t)
		for _, at := range []string{p.url, p.admin} {
			if conn, err := net.DialTimeout("tcp", strings.TrimPrefix(at, "http://"), time.Second); err == nil {
				conn.Close()
				t.Errorf("%s still listens", at)
			}
		}
	})
	t.Run("[CLI] [DOOR] told so, it opens wider and warns; told off, there is no dashboard", func(t *testing.T) {
		p := serveOn(t, "--http", "0.0.0.0:0", "--plain-http", "--admin-http", "off", "--dir", dir)
		if said := p.stop(t); p.admin != "" || !strings.Contains(said, "Warning: --plain-http") {
			t.Errorf("%q, %q", p.admin, said)
		}
	})
	t.Run("[DOOR] what a server writes is its own user's alone to read", func(t *testing.T) {
		seen := 0
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if seen++; err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v", path, info.Mode())
			}
			return err
		})
		if err != nil || seen < 5 {
			t.Fatal(seen, err)
		}
	})
	t.Run("[DOOR] with a certificate it speaks TLS, has browsers remember it, and sends plain HTTP there", func(t *testing.T) {
		cert, key := ownCertificate(t, time.Now().Add(100*24*time.Hour))
		p := serveOn(t, "--https", "127.0.0.1:0", "--http", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--dir", dir)
		raw, err := os.ReadFile(cert)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(raw)
		trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
		res, err := trusting.Get(p.url + "/api/sync/hello")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if !strings.HasPrefix(p.url, "https://") || res.StatusCode != http.StatusOK || res.Header.Get("Strict-Transport-Security") == "" || res.TLS.Version < tls.VersionTLS12 {
			t.Errorf("%s: %d %v", p.url, res.StatusCode, res.Header)
		}
		old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}}}
		if res, err := old.Get(p.url); err == nil {
			res.Body.Close()
			t.Error("it speaks TLS 1.1")
		}
		if conn, err := http.Get(strings.Replace(p.url, "https://", "http://", 1) + "/api/sync/hello"); err == nil {
			conn.Body.Close()
			if conn.StatusCode < 400 {
				t.Errorf("plain HTTP at its address: %d", conn.StatusCode)
			}
		}
		p.stop(t)
	})
}

func TestDoctor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	// checks gives what the doctor finds, by check.
	checks := func(t *testing.T, code int, args ...string) map[string]map[string]any {
		t.Helper()
		out, exit := fieldpost(t, append([]string{"doctor", "--json", "--dir", dir}, args...)...)
		if exit != code || len(out) != 1 {
			t.Fatalf("exit %d: %v", exit, out)
		}
		raw, err := json.Marshal(out[0]["checks"])
		if err != nil {
			t.Fatal(err)
		}
		var list []map[string]any
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatal(err)
		}
		found := map[string]map[string]any{}
		for _, c := range list {
			found[c["check"].(string)] = c
		}
		return found
	}
	wants := func(t *testing.T, found map[string]map[string]any, look ...string) {
		t.Helper()
		for name, c := range found {
			asked := false
			for _, l := range look {
				asked = asked || l == name
			}
			if c["look"] != asked {
				t.Errorf("%s: %v", name, c)
			}
		}
		for _, l := range look {
			if found[l] == nil {
				t.Errorf("no word on %s", l)
			}
		}
	}
	t.Run("[CLI] the doctor of no folder makes none", func(t *testing.T) {
		exits(t, 2, "doctor", "--dir", dir)
		if _, err := os.Stat(dir); err == nil {
			t.Fatal("a folder was made")
		}
	})
	p := serveOn(t, "--http", "127.0.0.1:0", "--dir", dir)
	t.Run("[CLI] a new installation lacks a backup and calls to the hotlines, and nothing else", func(t *testing.T) {
		wants(t, checks(t, 7), "backup", "hotlines")
	})
	t.Run("[CLI] a backup that is checked and held elsewhere, and a copy of the key, are seen", func(t *testing.T) {
		away := t.TempDir()
		must(t, "backup", filepath.Join(away, "b.zip"), "--json", "--dir", dir)
		must(t, "backup", "verify", filepath.Join(away, "b.zip"), "--json", "--dir", dir, "--held-elsewhere")
		raw, err := os.ReadFile(filepath.Join(dir, "keys", "installation.key"))
		if err != nil {
			t.Fatal(err)
		}
		mine, other := filepath.Join(away, "mine"), filepath.Join(away, "other")
		for name, content := range map[string][]byte{mine: raw, other: []byte("another's")} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		wants(t, checks(t, 7, "--key-copy", mine), "hotlines")
		wants(t, checks(t, 7, "--key-copy", other), "hotlines", "key")
	})
	t.Run("[CLI] a file that others may read, and a setting that somebody changed, are seen", func(t *testing.T) {
		if err := os.Chmod(filepath.Join(dir, "data.db"), 0o644); err != nil {
			t.Fatal(err)
		}
		alter(t, dir, `UPDATE _params SET value = json_set(value, '$.logs.logIP', json('true')) WHERE id='settings'`)
		found := checks(t, 7)
		wants(t, found, "hotlines", "files", "settings")
		if says := found["settings"]["says"]; !strings.Contains(says.(string), "logs.logIP") {
			t.Error(says)
		}
	})
	p.stop(t)
	t.Run("[CLI] a server that does not run is seen, and so is one that others reach without TLS or whose certificate ends", func(t *testing.T) {
		if err := os.Chmod(filepath.Join(dir, "data.db"), 0o600); err != nil {
			t.Fatal(err)
		}
		wants(t, checks(t, 7), "hotlines", "settings", "server")
		p := serveOn(t, "--http", "0.0.0.0:0", "--plain-http", "--dir", dir)
		wants(t, checks(t, 7), "hotlines", "tls")
		p.stop(t)
		cert, key := ownCertificate(t, time.Now().Add(5*24*time.Hour))
		p = serveOn(t, "--https", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--dir", dir)
		wants(t, checks(t, 7), "hotlines", "tls")
		p.stop(t)
	})
}

// alter changes a database past the server.
func alter(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "data.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}
