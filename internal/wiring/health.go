package wiring

import "github.com/fieldpost/fieldpost/internal/records"

// UpFile is where a running server says where it listens.
const UpFile = records.UpFile

// Health is what a database says of how its installation is looked after.
type Health = records.Health

// ReadHealth reads it from a data folder, in use or not, and changes nothing.
func ReadHealth(dir string) (Health, error) { return records.ReadHealth(dir) }
