-- The journal's own tables. They live in data.db so that a record, its entry,
-- feed rows, clock and receipt commit together or not at all. Times are Unix
-- milliseconds UTC. `device` is always a pseudonym (JOURNAL-4), `stamp` always
-- a stored stamp, with that pseudonym inside.

-- One line of history of this database. A restore or a copy put into service
-- begins a new one (EPOCH-2); left_seq is where a former one was left.
CREATE TABLE journal_epoch (
    epoch     TEXT    NOT NULL PRIMARY KEY,
    began_seq INTEGER NOT NULL,
    began_at  INTEGER NOT NULL,
    left_seq  INTEGER
) STRICT, WITHOUT ROWID;

-- One row per accepted change, never changed, never deleted. seq has no gaps
-- and is the order of commit. mut is the seq of the first entry of the same
-- mutation: a page of a pull ends only between two values of it. hash binds
-- the row, content_hash and the hash before.
CREATE TABLE journal_entry (
    seq          INTEGER PRIMARY KEY,
    mut          INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    collection   TEXT    NOT NULL,
    record       TEXT    NOT NULL,
    op           TEXT    NOT NULL, -- create, update, delete
    actor        TEXT    NOT NULL, -- person id, staff pseudonym, superuser or system
    device       TEXT    NOT NULL,
    stamp        TEXT    NOT NULL,
    content_hash BLOB    NOT NULL, -- SHA-256 of salt and body
    hash         BLOB    NOT NULL  -- SHA-256
) STRICT;
CREATE INDEX journal_entry_record ON journal_entry (record, seq);

-- What an entry says: JSON {fields, eff, extra}. Apart, so that retention can
-- erase it with its salt and the chain still verifies.
CREATE TABLE journal_content (
    seq  INTEGER PRIMARY KEY,
    salt BLOB NOT NULL, -- 16 random bytes
    body BLOB NOT NULL
) STRICT;

-- Version and clocks of each record, deleted ones included: an id never lives
-- twice. clocks is JSON, see clock.go.
CREATE TABLE journal_clock (
    collection TEXT    NOT NULL,
    record     TEXT    NOT NULL,
    version    INTEGER NOT NULL, -- seq of the last entry
    created    INTEGER NOT NULL, -- seq of the first entry
    gone       INTEGER NOT NULL, -- 1: deleted
    clocks     TEXT    NOT NULL,
    PRIMARY KEY (collection, record)
) STRICT, WITHOUT ROWID;

-- For each scope the records that are or were in it, at the last change that
-- matters to the scope. gone: it left the scope then.
CREATE TABLE journal_feed (
    record     TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    mut        INTEGER NOT NULL,
    gone       INTEGER NOT NULL,
    PRIMARY KEY (record, collection, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX journal_feed_scope ON journal_feed (scope, seq);

-- The verdict of each mutation, for ever (PUSH-2). content is an HMAC: the
-- hash alone would let somebody with a guess of the text find its writer.
CREATE TABLE journal_receipt (
    device    TEXT    NOT NULL,
    n         INTEGER NOT NULL,
    content   BLOB    NOT NULL,
    stamp     TEXT,             -- stored stamp; NULL where it could not be read or another has it
    corrected INTEGER NOT NULL, -- corrected milliseconds (PUSH-12)
    at        INTEGER NOT NULL,
    verdict   TEXT    NOT NULL,
    seq       INTEGER NOT NULL, -- 0: none
    more      TEXT,             -- JSON of code, message, conflicts, quarantine, when there are any
    PRIMARY KEY (device, n)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX journal_receipt_stamp ON journal_receipt (stamp) WHERE stamp IS NOT NULL;

-- Mutations that wait for another (PUSH-7): no content. By stamp, because one
-- that comes again from a device's successor, under another n, is the same and
-- its thirty days go on.
CREATE TABLE journal_deferred (
    device    TEXT    NOT NULL,
    n         INTEGER NOT NULL,
    stamp     TEXT    NOT NULL PRIMARY KEY,
    corrected INTEGER NOT NULL, -- corrected milliseconds (PUSH-12)
    first_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Ids whose create was refused: what depends on them is refused too (PUSH-7).
CREATE TABLE journal_refused (
    collection TEXT NOT NULL,
    record     TEXT NOT NULL,
    PRIMARY KEY (collection, record)
) STRICT, WITHOUT ROWID;

-- Reports that a coordinator has opened, by the pseudonym of their device.
CREATE TABLE journal_seen (
    device TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    report TEXT    NOT NULL,
    PRIMARY KEY (device, seq, report)
) STRICT, WITHOUT ROWID;

-- Last contact of a device, by its id in clear, so nothing else may stand in
-- this table; for staff cut to the day. Not journalled.
CREATE TABLE journal_contact (
    device TEXT    NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
