-- What rewinds and repair need: where this database lives, how much of its
-- history is held elsewhere, and what each device has in quarantine.

-- The machine and file that this database was last opened as, hashed. Another
-- one at a start means that a copy was put into service (EPOCH-2).
CREATE TABLE journal_home (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    fingerprint TEXT    NOT NULL
) STRICT;

-- Of each epoch the greatest seq known to be held off this machine, when that
-- was found, and how: age or backup (EPOCH-3). It never falls.
CREATE TABLE journal_durable (
    epoch TEXT    NOT NULL PRIMARY KEY,
    seq   INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    how   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- What each device (pseudonym) holds in quarantine: for its quota, and for the
-- order in which a release runs (PUSH-6, PUSH-10).
CREATE TABLE journal_held (
    quarantine TEXT    NOT NULL PRIMARY KEY, -- id of the quarantine record
    device     TEXT    NOT NULL,
    n          INTEGER NOT NULL,
    bytes      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX journal_held_device ON journal_held (device, n);
