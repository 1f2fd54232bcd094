package exchange_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// halfSent sends a pull without its last byte, lets something happen once the
// server has read whose it is, and then sends the rest.
func halfSent(t *testing.T, d *rig.Device, meanwhile func()) (status int, answer []byte) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"protocol": 1, "schema": wire.Schema, "device": d.ID})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(d.Rig.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = fmt.Fprintf(c, "POST /api/sync/pull HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", d.Token, len(body))
	if err != nil {
		t.Fatal(err)
	}
	// The server says so when its handler begins to read: the token was looked at.
	in := bufio.NewReader(c)
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(body[:len(body)-1]); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	if _, err := c.Write(body[len(body)-1:]); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, raw
}

// TestPullKnown is about what is found once for a request, and what is kept
// between two: neither may be older than the answer.
func TestPullKnown(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	site := r.Site("Stop", "", ngo)
	worker := r.Enroll(access.Worker, ngo)
	id, _ := worker.Create("observations", r.Observation(site))
	sees := func(d *rig.Device) bool { _, ok := d.Fresh()["observations"][id]; return ok }

	t.Run("[ENROL-3] a device that was signed out while its pull was on the way gets nothing", func(t *testing.T) {
		keisha := r.Enroll(access.Coordinator, ngo)
		status, raw := halfSent(t, keisha, func() {
			err := r.S.Store.TransactPeople(func(p *records.People) error { _, err := p.Revoke(keisha.ID, "system"); return err })
			if err != nil {
				t.Error(err)
			}
		})
		if status == http.StatusOK || !strings.Contains(string(raw), string(fault.DeviceRevoked)) {
			t.Fatalf("%d %.300s", status, raw)
		}
	})
	t.Run("[PULL-1] who became another while their pull was on the way sees what they may now", func(t *testing.T) {
		keisha := r.Enroll(access.Coordinator, ngo)
		status, raw := halfSent(t, keisha, func() {
			user, err := r.App.FindRecordById("users", keisha.User.ID)
			if err != nil {
				t.Error(err)
				return
			}
			user.Set("role", string(access.Provider))
			if err := r.App.Save(user); err != nil {
				t.Error(err)
			}
		})
		if status != http.StatusOK || strings.Contains(string(raw), id) {
			t.Fatalf("%d %.300s", status, raw)
		}
	})
	t.Run("[PULL-1] a list rule that was changed decides the next pull, whatever is kept of the old one", func(t *testing.T) {
		keisha := r.Enroll(access.Coordinator, ngo)
		if !sees(keisha) || sees(r.Enroll(access.Provider, ngo)) {
			t.Fatal("the rule of the table")
		}
		rule := func(text *string) {
			c, err := r.App.FindCollectionByNameOrId("observations")
			if err != nil {
				t.Fatal(err)
			}
			c.ListRule = text
			if err := r.App.Save(c); err != nil {
				t.Fatal(err)
			}
		}
		ours := access.Table["observations"].List.PB()
		for _, other := range []*string{nil, new(`note = "nobody's"`), new("(" + ours + `) && note = "nobody's"`)} {
			rule(other)
			if sees(keisha) {
				t.Fatal("shown by a rule that is no more")
			}
			rule(&ours)
			if !sees(keisha) {
				t.Fatal("not shown by the rule that is there again")
			}
		}
	})
	t.Run("[PULL-1] a record that was read for one is not read again for another, and its change is what comes next", func(t *testing.T) {
		keisha, other := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, ngo)
		own := r.Site("Lot", "", ngo)
		for _, name := range []string{"Lot", "Lot behind", "Lot"} {
			change(t, r, "sites", own, map[string]any{"name": name})
			for _, d := range []*rig.Device{keisha, other} {
				if got := string(d.Fresh()["sites"][own]); !strings.Contains(got, `"name":"`+name+`"`) {
					t.Fatalf("%s: %s", name, got)
				}
			}
		}
	})
	t.Run("[PULL-1] a field that was added is in the next pull", func(t *testing.T) {
		keisha := r.Enroll(access.Coordinator, ngo)
		before := string(keisha.Fresh()["organizations"][ngo])
		c, err := r.App.FindCollectionByNameOrId("organizations")
		if err != nil {
			t.Fatal(err)
		}
		f := *c.Fields.GetByName("type_text").(*core.TextField)
		f.Id, f.Name = "added", "added"
		c.Fields.Add(&f)
		if err := r.App.Save(c); err != nil {
			t.Fatal(err)
		}
		after := string(keisha.Fresh()["organizations"][ngo])
		if strings.Contains(before, `"added"`) || !strings.Contains(after, `"added":""`) {
			t.Fatalf("%s\n%s", before, after)
		}
	})
}
