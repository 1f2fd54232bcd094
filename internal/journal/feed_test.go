package journal

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
)

func TestFeed(t *testing.T) {
	feed := func(t *testing.T, db *dbx.DB, scope string, after, upto int64, limit int) string {
		t.Helper()
		rows, err := NewReader(db).Feeds([]string{scope}, after, upto, limit)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range rows {
			s := fmt.Sprintf("%d/%d %s", c.Seq, c.Mut, c.Record)
			if c.Gone {
				s += " gone"
			}
			out = append(out, s)
		}
		return strings.Join(out, ", ")
	}
	want := func(t *testing.T, db *dbx.DB, scope, want string) {
		t.Helper()
		if got := feed(t, db, scope, 0, 1000, 1000); got != want {
			t.Errorf("feed of %s: %q, want %q", scope, got, want)
		}
	}
	t.Run("[PULL-3] the feeds of many scopes come at once, each up to the limit, with the versions of now", func(t *testing.T) {
		db := open(t)
		var scopes []string
		for i := range 2*feedsAtOnce + 3 {
			scopes = append(scopes, fmt.Sprintf("s:%d", i))
		}
		for i, s := range scopes {
			for j := range 3 {
				add(t, db, created(fmt.Sprintf("r%d-%d", i, j), s))
			}
		}
		add(t, db, updated("r1-0", 950, []string{"s:1"}, []string{"s:2"}), deleted("r2-1", 960, "s:2"))
		const last = 3*(2*feedsAtOnce+3) + 2
		got, err := NewReader(db).Feeds(scopes, 0, last, 2)
		if err != nil {
			t.Fatal(err)
		}
		rows := map[int][]string{}
		for _, c := range got {
			rows[c.Scope] = append(rows[c.Scope], fmt.Sprintf("%d %s %t %d", c.Seq, c.Record, c.Gone, c.Version))
		}
		for i := range scopes {
			want := []string{fmt.Sprintf("%d r%d-0 false %[1]d", 3*i+1, i), fmt.Sprintf("%d r%d-1 false %[1]d", 3*i+2, i)}
			switch i {
			case 1:
				want = []string{"5 r1-1 false 5", "6 r1-2 false 6"}
			case 2:
				want = []string{"7 r2-0 false 7", "9 r2-2 false 9"}
			}
			if !slices.Equal(rows[i], want) {
				t.Errorf("scope %d: %q, want %q", i, rows[i], want)
			}
		}
		got, err = NewReader(db).Feeds([]string{"s:1", "s:2"}, last-2, last, 10)
		if err != nil || len(got) != 3 || got[0].Record != "r1-0" || !got[0].Gone || got[0].Version != last-1 || got[2].Record != "r2-1" || got[2].Version != last {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("[PULL-3] a record that moves between scopes comes in one and leaves a gone row in the other", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1", "org:a", "site:1"), updated("r1", 950, []string{"org:a", "site:1"}, []string{"org:b", "site:1"}))
		want(t, db, "org:a", "2/2 r1 gone")
		want(t, db, "org:b", "2/2 r1")
		want(t, db, "site:1", "2/2 r1")
	})
	t.Run("[PULL-3] a record that comes back is there again", func(t *testing.T) {
		db := open(t)
		a, b := []string{"org:a"}, []string{"org:b"}
		add(t, db, created("r1", a...), updated("r1", 950, a, b), updated("r1", 960, b, a))
		want(t, db, "org:a", "3/3 r1")
		want(t, db, "org:b", "3/3 r1 gone")
	})
	t.Run("[PULL-3] a deleted record is gone in every scope that it was in, once each", func(t *testing.T) {
		db := open(t)
		a, b := []string{"org:a"}, []string{"org:b", "site:1"}
		add(t, db, created("r1", a...), updated("r1", 950, a, b), deleted("r1", 960, b...))
		want(t, db, "org:a", "2/2 r1 gone")
		want(t, db, "org:b", "3/3 r1 gone")
		want(t, db, "site:1", "3/3 r1 gone")
	})
	t.Run("[PULL-2] a record stands once per scope, at its newest change", func(t *testing.T) {
		db := open(t)
		a := []string{"org:a"}
		add(t, db, created("r1", a...), created("r2", a...), updated("r1", 950, a, a), updated("r1", 960, a, a))
		want(t, db, "org:a", "2/2 r2, 4/4 r1")
	})
	t.Run("[PULL-2] two collections with one id are two records of a scope", func(t *testing.T) {
		db := open(t)
		e := created("r1", "org:a")
		e.Collection = "submissions"
		add(t, db, created("r1", "org:a"), e)
		want(t, db, "org:a", "1/1 r1, 2/2 r1")
	})
	t.Run("[PULL-2] a scope named twice counts once", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1", "org:a", "org:a"))
		want(t, db, "org:a", "1/1 r1")
	})
	t.Run("[PULL-2] a page is what lies after the cursor, up to a bound, at most as many as asked for, in order", func(t *testing.T) {
		db := open(t)
		for i := range 6 {
			add(t, db, created(fmt.Sprintf("r%d", 6-i), "org:a"), created(fmt.Sprintf("x%d", i), "org:b"))
		}
		for _, c := range []struct {
			after, upto int64
			limit       int
			want        string
		}{
			{0, 11, 2, "1/1 r6, 3/3 r5"}, {1, 11, 2, "3/3 r5, 5/5 r4"}, {2, 7, 9, "3/3 r5, 5/5 r4, 7/7 r3"}, {11, 99, 9, ""}, {0, 99, 0, ""},
		} {
			if got := feed(t, db, "org:a", c.after, c.upto, c.limit); got != c.want {
				t.Errorf("(%d, %d] at most %d: %q, want %q", c.after, c.upto, c.limit, got, c.want)
			}
		}
	})
	t.Run("[PULL-2] rows of one mutation carry its first seq, so that a page can end between mutations", func(t *testing.T) {
		db := open(t)
		commit(t, db, func(tx *Tx) error {
			tx.NewMutation()
			for _, id := range []string{"r1", "r2", "r3"} {
				if _, err := tx.Append(created(id, "org:a")); err != nil {
					return err
				}
			}
			return nil
		})
		want(t, db, "org:a", "1/1 r1, 2/1 r2, 3/1 r3")
	})
	t.Run("[PULL-2] the newest change in a person's scopes leaves the scopes of others out", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1", "org:a", "org:b"), updated("r1", 950, []string{"org:a", "org:b"}, []string{"org:b"}), updated("r1", 960, []string{"org:b"}, []string{"org:b"}))
		r := NewReader(db)
		for _, c := range []struct {
			scopes map[string]bool
			want   int64
		}{
			{map[string]bool{"org:a": true}, 2}, {map[string]bool{"org:b": true}, 3}, {map[string]bool{"org:a": true, "org:b": true}, 3},
			{map[string]bool{"org:c": true}, 0}, {map[string]bool{"org:b": false}, 0}, {nil, 0},
		} {
			got, err := r.NewestIn(c.scopes, "observations", "r1")
			if err != nil || got != c.want {
				t.Errorf("%v: %d, %v, want %d", c.scopes, got, err, c.want)
			}
		}
	})
	t.Run("[LIVE-1] the scopes to poke are those that the record is in or has left", func(t *testing.T) {
		db := open(t)
		add(t, db, created("r1", "org:a"))
		commit(t, db, func(tx *Tx) error {
			if len(tx.Touched()) != 0 {
				t.Errorf("touched %v before anything was written", tx.Touched())
			}
			if _, err := tx.Append(updated("r1", 950, []string{"org:a"}, []string{"org:b"})); err != nil {
				return err
			}
			if !maps.Equal(tx.Touched(), map[string]bool{"org:a": true, "org:b": true}) {
				t.Errorf("touched %v", tx.Touched())
			}
			return nil
		})
	})
}
