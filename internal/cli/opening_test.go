package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestOpeningAtOnce(t *testing.T) {
	t.Run("[CLI] commands beside a server that starts for the first time wait until it has made the folder", func(t *testing.T) {
		dir := t.TempDir()
		server := exec.Command(binary(t), "serve", "--dir", dir, "--http", "127.0.0.1:0", "--admin-http", "off")
		var said bytes.Buffer
		server.Stderr = &said
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
		for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(filepath.Join(dir, "data.db")); err == nil {
				break
			}
			if time.Now().After(until) {
				t.Fatalf("the server makes no database: %s", said.String())
			}
		}
		type ended struct {
			out, said bytes.Buffer
			err       error
		}
		commands := make([]ended, 3)
		done := make(chan int)
		for i := range commands {
			go func() {
				c := exec.Command(binary(t), "invite", "make", "--role", "worker", "--organization", fmt.Sprint("Outreach ", i), "--json", "--dir", dir)
				c.Stdout, c.Stderr = &commands[i].out, &commands[i].said
				commands[i].err = c.Run()
				done <- i
			}()
		}
		for range commands {
			i := <-done
			var made struct{ Invite string }
			if err := json.Unmarshal(commands[i].out.Bytes(), &made); commands[i].err != nil || err != nil || made.Invite == "" {
				t.Errorf("command %d: %v %s %s", i, commands[i].err, commands[i].out.String(), commands[i].said.String())
			}
		}
		up := filepath.Join(dir, "fieldpost.up")
		for until := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(up); err == nil {
				break
			}
			if time.Now().After(until) {
				t.Fatalf("the server did not come up: %s", said.String())
			}
		}
	})
	t.Run("[CLI] two commands that are the first in a folder both do what they were asked", func(t *testing.T) {
		dir := t.TempDir()
		out := make(chan error)
		for i := range 2 {
			go func() {
				said, err := exec.Command(binary(t), "invite", "make", "--role", "worker", "--organization", fmt.Sprint("Outreach ", i), "--json", "--dir", dir).CombinedOutput()
				if err != nil {
					err = fmt.Errorf("%w: %s", err, said)
				}
				out <- err
			}()
		}
		for range 2 {
			if err := <-out; err != nil {
				t.Error(err)
			}
		}
	})
}
