package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/golang-migrate/migrate/v4/source"
	"github.com/pocketbase/dbx"
)

// checkFiles gives what is wrong with a folder of schema files: the migrator
// passes over a name that it cannot read, without a word.
func checkFiles(files fs.FS) []string {
	entries, err := fs.ReadDir(files, "schema")
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	ways := map[uint]map[source.Direction]bool{}
	for _, e := range entries {
		m, err := source.Parse(e.Name())
		if err != nil {
			wrong = append(wrong, e.Name()+" is no name of a schema file")
			continue
		}
		if want := fmt.Sprintf("%04d_%s.%s.sql", m.Version, m.Identifier, m.Direction); e.Name() != want {
			wrong = append(wrong, e.Name()+" should be "+want)
		}
		if ways[m.Version] == nil {
			ways[m.Version] = map[source.Direction]bool{}
		}
		if ways[m.Version][m.Direction] {
			wrong = append(wrong, e.Name()+" is the second of its number")
		}
		ways[m.Version][m.Direction] = true
	}
	for i, v := range slices.Sorted(maps.Keys(ways)) {
		if v != uint(i+1) {
			wrong = append(wrong, fmt.Sprintf("%04d stands where %04d should", v, i+1))
		}
		for _, d := range []source.Direction{source.Up, source.Down} {
			if !ways[v][d] {
				wrong = append(wrong, fmt.Sprintf("%04d has no %s", v, d))
			}
		}
	}
	return wrong
}

func TestSchemaFiles(t *testing.T) {
	t.Run("[HOUSE] each schema file is named so that the migrator sees it, numbers follow one another, each has its way back", func(t *testing.T) {
		if wrong := checkFiles(schemaFiles); len(wrong) > 0 {
			t.Error(strings.Join(wrong, "\n"))
		}
		latest, err := LatestSchema()
		if err != nil {
			t.Fatal(err)
		}
		ups, err := fs.Glob(schemaFiles, "schema/*.up.sql")
		if err != nil || len(ups) == 0 || int(latest) != len(ups) {
			t.Errorf("latest is %d, files %v, %v", latest, ups, err)
		}
	})
	t.Run("[HOUSE] the check of the schema files sees each fault", func(t *testing.T) {
		for want, names := range map[string][]string{
			"0002-typo.up.sql is no name":           {"0001_a.up.sql", "0001_a.down.sql", "0002-typo.up.sql", "0002_typo.down.sql"},
			"0002 has no down":                      {"0001_a.up.sql", "0001_a.down.sql", "0002_b.up.sql"},
			"0001 has no up":                        {"0001_a.down.sql"},
			"0003 stands where 0002 should":         {"0001_a.up.sql", "0001_a.down.sql", "0003_b.up.sql", "0003_b.down.sql"},
			"0001_b.up.sql is the second":           {"0001_a.up.sql", "0001_b.up.sql", "0001_a.down.sql"},
			"2_b.up.sql should be 0002_b.up.sql":    {"0001_a.up.sql", "0001_a.down.sql", "2_b.up.sql", "0002_b.down.sql"},
			"README.md is no name":                  {"0001_a.up.sql", "0001_a.down.sql", "README.md"},
			"0002_b.up.txt should be 0002_b.up.sql": {"0001_a.up.sql", "0001_a.down.sql", "0002_b.up.txt", "0002_b.down.sql"},
			"open schema: file does not exist":      nil,
		} {
			files := fstest.MapFS{}
			for _, n := range names {
				files["schema/"+n] = &fstest.MapFile{}
			}
			if got := strings.Join(checkFiles(files), "\n"); !strings.Contains(got, want) {
				t.Errorf("%v: got %q, want %q", names, got, want)
			}
		}
	})
}

// fixture puts the rows of a schema version into a database that stands there.
func fixture(t *testing.T, db *dbx.DB, version uint) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("%04d.sql", version)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.DB().Exec(string(text)); err != nil {
		t.Fatal(err)
	}
}

// bare gives the tables without a row.
func bare(t *testing.T, db *dbx.DB) []string {
	t.Helper()
	var none []string
	for name, rows := range dumpAll(t, db) {
		if rows == "" {
			none = append(none, name)
		}
	}
	slices.Sort(none)
	return none
}

// filled is a database of the newest schema with rows in every table.
func filled(t *testing.T) *dbx.DB {
	t.Helper()
	db := file(t)
	m, err := migrator(db.DB(), schemaFiles)
	if err != nil {
		t.Fatal(err)
	}
	latest, err := LatestSchema()
	if err != nil {
		t.Fatal(err)
	}
	for v := uint(1); v <= latest; v++ {
		if err := m.Migrate(v); err != nil {
			t.Fatal(err)
		}
		fixture(t, db, v)
		if none := bare(t, db); len(none) > 0 {
			t.Fatalf("no row for %v in the fixtures up to %04d", none, v)
		}
	}
	return db
}

func shapeNow(t *testing.T, db *dbx.DB) string {
	t.Helper()
	s, err := shape(db.DB())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// standing wants a database that is whole: the newest schema, clean, writable.
func standing(t *testing.T, db *dbx.DB) {
	t.Helper()
	latest, err := LatestSchema()
	if err != nil {
		t.Fatal(err)
	}
	version, dirty, err := schemaVersion(db.DB())
	if err != nil || dirty || version != int(latest) {
		t.Errorf("version %d, dirty %v, %v", version, dirty, err)
	}
	want, err := shapeOf(schemaFiles, int(latest))
	if err != nil {
		t.Fatal(err)
	}
	if got := shapeNow(t, db); got != want {
		t.Errorf("tables\n%s\nwant\n%s", got, want)
	}
	add(t, db, created("r90000000000000", "org:z"))
}

func TestMigrate(t *testing.T) {
	t.Run("[HOUSE] an empty database gets the newest schema, and again is no change", func(t *testing.T) {
		db := file(t)
		for range 2 {
			if err := Migrate(db.DB()); err != nil {
				t.Fatal(err)
			}
		}
		standing(t, db)
	})
	t.Run("[HOUSE] every table is strict, is named after the journal, and has a row in the fixtures", func(t *testing.T) {
		db := filled(t)
		names := tables(t, db)
		if len(names) == 0 {
			t.Fatal("no tables")
		}
		for _, name := range names {
			if !strings.HasPrefix(name, "journal_") {
				t.Errorf("%s is not named after the journal", name)
			}
			var strict int
			err := db.NewQuery(`SELECT strict FROM pragma_table_list WHERE name={:n}`).Bind(dbx.Params{"n": name}).Row(&strict)
			if err != nil || strict != 1 {
				t.Errorf("%s is not strict, %v", name, err)
			}
		}
	})
	t.Run("[HOUSE] a table without a row in the fixtures is noticed", func(t *testing.T) {
		db := filled(t)
		tamper(t, db, `CREATE TABLE journal_new (a INTEGER) STRICT`)
		if none := bare(t, db); !slices.Equal(none, []string{"journal_new"}) {
			t.Errorf("got %v", none)
		}
	})
	t.Run("[HOUSE] migrating a database with data changes no row of it", func(t *testing.T) {
		db := filled(t)
		before := dumpAll(t, db)
		if err := Migrate(db.DB()); err != nil {
			t.Fatal(err)
		}
		if after := dumpAll(t, db); !maps.Equal(before, after) {
			t.Errorf("before %v\nafter %v", before, after)
		}
		standing(t, db)
	})
	t.Run("[HOUSE] up, down, up with data in every table: nothing of the journal is left in between, all of it stands after, other tables never notice", func(t *testing.T) {
		db := filled(t)
		tamper(t, db, `CREATE TABLE observations (id TEXT) STRICT`, `INSERT INTO observations VALUES ('a1b2c3d4e5f6g7h')`)
		up := shapeNow(t, db)
		m, err := migrator(db.DB(), schemaFiles)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Down(); err != nil {
			t.Fatal(err)
		}
		if s := shapeNow(t, db); s != "" {
			t.Errorf("left after the way down:\n%s", s)
		}
		if err := Migrate(db.DB()); err != nil {
			t.Fatal(err)
		}
		if s := shapeNow(t, db); s != up {
			t.Errorf("got\n%s\nwant\n%s", s, up)
		}
		if rows := dump(t, db, "observations"); !strings.Contains(rows, "a1b2c3d4e5f6g7h") {
			t.Errorf("a table beside the journal's holds %q", rows)
		}
		standing(t, db)
	})
	t.Run("[HOUSE] migrating and mending leave the pool open", func(t *testing.T) {
		db := file(t)
		for name, step := range map[string]func() error{
			"migrate": func() error { return Migrate(db.DB()) }, "mend": func() error { return Mend(db.DB()) },
		} {
			if err := step(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := db.DB().Ping(); err != nil {
				t.Errorf("after %s: %v", name, err)
			}
		}
		standing(t, db)
	})
	t.Run("[HOUSE] a newer database is refused, by Migrate and by Mend, and stays as it is", func(t *testing.T) {
		db := filled(t)
		latest, err := LatestSchema()
		if err != nil {
			t.Fatal(err)
		}
		for _, dirty := range []int{0, 1} {
			tamper(t, db, fmt.Sprintf(`UPDATE journal_schema SET version=%d, dirty=%d`, latest+2, dirty))
			before := dumpAll(t, db)
			if err := Mend(db.DB()); !errors.Is(err, ErrNewer) {
				t.Errorf("mend: %v", err)
			}
			if dirty == 0 {
				if err := Migrate(db.DB()); !errors.Is(err, ErrNewer) {
					t.Errorf("migrate: %v", err)
				}
			}
			if after := dumpAll(t, db); !maps.Equal(before, after) {
				t.Error("rows changed")
			}
			if version, _, err := schemaVersion(db.DB()); version != int(latest+2) || err != nil {
				t.Errorf("version %d, %v", version, err)
			}
		}
	})
	t.Run("[HOUSE] a closed database is an error, not an empty one", func(t *testing.T) {
		db := open(t)
		if err := db.DB().Close(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(Migrate(db.DB()), Mend(db.DB())); err == nil {
			t.Error("no error")
		}
	})
}

// upgrade is the shipped schema and one file more.
func upgrade(up string) fs.FS {
	files := fstest.MapFS{}
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		panic(err)
	}
	for _, n := range names {
		text, err := fs.ReadFile(schemaFiles, n)
		if err != nil {
			panic(err)
		}
		files[n] = &fstest.MapFile{Data: text}
	}
	next := fmt.Sprintf("schema/%04d_next", len(names)/2+1)
	files[next+".up.sql"] = &fstest.MapFile{Data: []byte(up)}
	files[next+".down.sql"] = &fstest.MapFile{Data: []byte(`DROP TABLE journal_next;`)}
	return files
}

func TestMend(t *testing.T) {
	const good = `CREATE TABLE journal_next (a INTEGER) STRICT; INSERT INTO journal_next SELECT seq FROM journal_entry;`
	latest, err := LatestSchema()
	if err != nil {
		t.Fatal(err)
	}
	next := int(latest) + 1

	// dirty wants ErrDirty, which says what to run.
	dirty := func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, ErrDirty) || !strings.Contains(err.Error(), "fieldpost mend") {
			t.Fatalf("got %v, want ErrDirty that names the command", err)
		}
	}

	t.Run("[HOUSE] an upgrade that breaks off changes no row; every start then names the command that mends it; mended, the upgrade goes through", func(t *testing.T) {
		db := filled(t)
		before := dumpAll(t, db)
		broken := upgrade(good + ` INSERT INTO journal_seen VALUES (1, 'no number', 2); UPDATE journal_entry SET actor='x';`)
		if err := migrateWith(db.DB(), broken); err == nil {
			t.Fatal("the broken file went through")
		}
		for range 2 {
			dirty(t, migrateWith(db.DB(), broken))
			dirty(t, Migrate(db.DB()))
			if after := dumpAll(t, db); !maps.Equal(before, after) {
				t.Fatalf("before %v\nafter %v", before, after)
			}
		}
		if err := mendWith(db.DB(), broken); err == nil || errors.Is(err, ErrDirty) {
			t.Fatalf("mending with the broken file still there: %v", err)
		}
		dirty(t, migrateWith(db.DB(), broken))
		if err := mendWith(db.DB(), upgrade(good)); err != nil {
			t.Fatal(err)
		}
		after := dumpAll(t, db)
		if after["journal_next"] != "a=1 \n" {
			t.Errorf("the new table holds %q", after["journal_next"])
		}
		delete(after, "journal_next")
		if !maps.Equal(before, after) {
			t.Errorf("before %v\nafter %v", before, after)
		}
		if version, dirty, err := schemaVersion(db.DB()); version != next || dirty || err != nil {
			t.Errorf("version %d, dirty %v, %v", version, dirty, err)
		}
	})
	t.Run("[HOUSE] after an upgrade that broke off, the version before mends its way back and runs on", func(t *testing.T) {
		db := filled(t)
		before := dumpAll(t, db)
		if err := migrateWith(db.DB(), upgrade(`NONSENSE`)); err == nil {
			t.Fatal("nonsense went through")
		}
		dirty(t, Migrate(db.DB()))
		if err := Mend(db.DB()); err != nil {
			t.Fatal(err)
		}
		if after := dumpAll(t, db); !maps.Equal(before, after) {
			t.Errorf("before %v\nafter %v", before, after)
		}
		standing(t, db)
	})
	t.Run("[HOUSE] a crash between a file and the mark of its end: the file stands, mending keeps all data", func(t *testing.T) {
		db := filled(t)
		before := dumpAll(t, db)
		tamper(t, db, `UPDATE journal_schema SET dirty=1`)
		dirty(t, Migrate(db.DB()))
		if err := Mend(db.DB()); err != nil {
			t.Fatal(err)
		}
		if after := dumpAll(t, db); !maps.Equal(before, after) {
			t.Errorf("before %v\nafter %v", before, after)
		}
		standing(t, db)
	})
	t.Run("[HOUSE] a crash between the mark of its beginning and the first file: mending starts from nothing", func(t *testing.T) {
		db := file(t)
		if _, err := migrator(db.DB(), schemaFiles); err != nil {
			t.Fatal(err)
		}
		tamper(t, db, `INSERT INTO journal_schema VALUES (1, 1)`)
		dirty(t, Migrate(db.DB()))
		if err := Mend(db.DB()); err != nil {
			t.Fatal(err)
		}
		standing(t, db)
	})
	t.Run("[HOUSE] a way down that broke off is seen as dirty and mended", func(t *testing.T) {
		for name, c := range map[string]struct{ stands, mark int }{"to before the first file": {1, -1}, "one file down": {next, next - 1}} {
			db := file(t)
			files := upgrade(good)
			m, err := migrator(db.DB(), files)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Migrate(uint(c.stands)); err != nil {
				t.Fatal(err)
			}
			fixture(t, db, 1)
			before := dumpAll(t, db)
			tamper(t, db, fmt.Sprintf(`UPDATE journal_schema SET version=%d, dirty=1`, c.mark))
			dirty(t, migrateWith(db.DB(), files))
			if err := mendWith(db.DB(), files); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			after := dumpAll(t, db)
			for table, rows := range before {
				if after[table] != rows {
					t.Errorf("%s: %s holds %s, before %s", name, table, after[table], rows)
				}
			}
		}
	})
	t.Run("[HOUSE] a file that only changes rows runs again when it broke off", func(t *testing.T) {
		db := filled(t)
		rows := upgrade(`UPDATE journal_seen SET report='changed';`)
		tamper(t, db, fmt.Sprintf(`UPDATE journal_schema SET version=%d, dirty=1`, next))
		if err := mendWith(db.DB(), rows); err != nil {
			t.Fatal(err)
		}
		if got := dump(t, db, "journal_seen"); !strings.Contains(got, "changed") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("[HOUSE] tables of no known version are left alone, and the words say so", func(t *testing.T) {
		db := filled(t)
		tamper(t, db, `DROP TABLE journal_seen`, `UPDATE journal_schema SET dirty=1`)
		before := dumpAll(t, db)
		err := Mend(db.DB())
		if !errors.Is(err, ErrDirty) || !strings.Contains(err.Error(), "restore a backup") {
			t.Errorf("got %v", err)
		}
		if after := dumpAll(t, db); !maps.Equal(before, after) {
			t.Error("rows changed")
		}
		dirty(t, Migrate(db.DB()))
	})
	t.Run("[HOUSE] mending what is not broken is migrating", func(t *testing.T) {
		db := file(t)
		for range 2 {
			if err := Mend(db.DB()); err != nil {
				t.Fatal(err)
			}
		}
		standing(t, db)
	})
}
