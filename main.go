package main

import (
	_ "github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/sqlite"
	_ "github.com/golang-migrate/migrate/v4/source/iofs"
	_ "github.com/klauspost/compress/gzip"
	"github.com/pocketbase/pocketbase"
)

func main() { _ = pocketbase.New }
