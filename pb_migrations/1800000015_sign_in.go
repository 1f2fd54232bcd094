package pb_migrations

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

// signIn are the tables of the web's sign-in. They are no collections: nobody
// lists, pulls or journals them, and no rule can open them by mistake. What
// they hold of a secret is sealed or an HMAC under the installation key, so that
// a backup without the key opens nothing. Times are cut to the hour or the day.
var signIn = []struct{ name, columns string }{
	{"signin_accounts", `user TEXT PRIMARY KEY NOT NULL REFERENCES users(id) ON DELETE CASCADE,
		name TEXT NOT NULL UNIQUE,            -- HMAC of the e-mail
		email BLOB NOT NULL,                  -- sealed
		password TEXT NOT NULL,               -- bcrypt of an HMAC
		totp BLOB,                            -- sealed
		step INTEGER NOT NULL DEFAULT 0,      -- of the newest code that was taken
		handle BLOB NOT NULL UNIQUE,          -- what passkeys know the person by
		generation INTEGER NOT NULL DEFAULT 1 -- counts changes of password and factors`},
	{"signin_codes", `user TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
		code TEXT NOT NULL,                   -- HMAC of a recovery code
		PRIMARY KEY (user, code)`},
	{"signin_passkeys", `id TEXT PRIMARY KEY NOT NULL,
		user TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
		name TEXT NOT NULL,
		credential BLOB NOT NULL,             -- public key and counter
		added INTEGER NOT NULL                -- day, ms`},
	{"signin_links", `code TEXT PRIMARY KEY NOT NULL, -- HMAC
		user TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
		until INTEGER NOT NULL                -- ms`},
	{"signin_sessions", `id TEXT PRIMARY KEY NOT NULL, -- HMAC of the token's claim
		user TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
		method TEXT NOT NULL,
		browser TEXT NOT NULL,
		began INTEGER NOT NULL,               -- day, ms
		used INTEGER NOT NULL,                -- hour, ms
		ends INTEGER NOT NULL                 -- hour, ms`},
	{"signin_devices", `device TEXT PRIMARY KEY NOT NULL, -- enrolled from a session
		session TEXT NOT NULL REFERENCES signin_sessions(id) ON DELETE CASCADE`},
}

func init() {
	migrations.Register(func(app core.App) error {
		for _, t := range signIn {
			if _, err := app.DB().NewQuery("CREATE TABLE " + t.name + " (" + t.columns + "\n) STRICT").Execute(); err != nil {
				return fmt.Errorf("make table %s: %w", t.name, err)
			}
		}
		return nil
	}, func(app core.App) error {
		for i := len(signIn) - 1; i >= 0; i-- {
			if _, err := app.DB().NewQuery("DROP TABLE " + signIn[i].name).Execute(); err != nil {
				return fmt.Errorf("drop table %s: %w", signIn[i].name, err)
			}
		}
		return nil
	}, "1800000015_sign_in.go")
}
