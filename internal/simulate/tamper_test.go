package simulate

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
)

// Ways to break a rule from outside.

// edited decodes a JSON object, lets fn change it, and encodes it again; nil
// when fn says that it changed nothing.
func edited(body []byte, fn func(m map[string]any) bool) []byte {
	var m map[string]any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber() // numbers stay as they are
	if d.Decode(&m) != nil || !fn(m) {
		return nil
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return raw
}

// verdicts changes the verdicts of push answers.
func verdicts(fn func(r *run, p *phone, v map[string]any) bool) *Tamper {
	return &Tamper{Answer: func(r *run, p *phone, path string, status int, body []byte) []byte {
		if path != "/api/sync/push" || status != 200 {
			return nil
		}
		return edited(body, func(m map[string]any) bool {
			changed := false
			list, _ := m["verdicts"].([]any)
			for _, v := range list {
				changed = fn(r, p, v.(map[string]any)) || changed
			}
			return changed
		})
	}}
}

// pulls changes pull answers.
func pulls(fn func(r *run, p *phone, m map[string]any) bool) *Tamper {
	return &Tamper{Answer: func(r *run, p *phone, path string, status int, body []byte) []byte {
		if path != "/api/sync/pull" || status != 200 {
			return nil
		}
		return edited(body, func(m map[string]any) bool { return fn(r, p, m) })
	}}
}

// changesOf changes the list of changes of a pull answer.
func changesOf(m map[string]any, keep func(c map[string]any) bool) bool {
	list, _ := m["changes"].([]any)
	var left []any
	for _, c := range list {
		if keep(c.(map[string]any)) {
			left = append(left, c)
		}
	}
	if len(left) == len(list) {
		return false
	}
	if left == nil {
		left = []any{}
	}
	m["changes"] = left
	return true
}

// mutations changes the mutations of pushes, as one that is older, or broken,
// would send them.
func mutations(fn func(r *run, p *phone, list []any) []any) *Tamper {
	return &Tamper{Request: func(r *run, p *phone, path string, body []byte) []byte {
		if path != "/api/sync/push" {
			return nil
		}
		return edited(body, func(m map[string]any) bool {
			list, _ := m["mutations"].([]any)
			other := fn(r, p, list)
			m["mutations"] = other
			return other != nil
		})
	}}
}

// sqlOnServer says of some statements that they were done.
func sqlOnServer(skip func(r *run, query string) bool) *Tamper {
	return &Tamper{ServerSQL: func(r *run, query string, _ []any) (string, bool) {
		return "", r.server != nil && len(r.phones) >= r.script.Phones && skip(r, query)
	}}
}

func inserts(query, table string) bool {
	q := strings.NewReplacer("`", "", "{{", "", "}}", "", "\"", "", "[[", "", "]]", "").Replace(query)
	return strings.HasPrefix(strings.TrimSpace(q), "INSERT INTO "+table)
}

// onServer runs a statement past all hooks, after a step.
func onServer(do string, query string) *Tamper {
	done := false
	return &Tamper{After: func(r *run, s *Step) {
		if done || s.Do != do || r.server == nil || r.server.disk.isDead() {
			return
		}
		res, err := r.server.app.DB().NewQuery(query).Execute()
		if err != nil {
			panic(err)
		}
		n, err := res.RowsAffected()
		done = err == nil && n > 0
	}}
}

func drop(m map[string]any, key string) bool { delete(m, key); return true }

// forget lets a phone that is switched off lose what waits on it.
func (p *phone) forget() {
	db, err := sql.Open("sqlite", filepath.Join(p.folder, "store.db"))
	if err != nil {
		panic(err)
	}
	if _, err := db.Exec("DELETE FROM outbox WHERE state = 'waiting'"); err != nil {
		panic(err)
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
}
