-- The store of one device: one installation and one person. Every step that a
-- crash may cut is one transaction over these tables. Times are Unix ms of the
-- device's wall clock, unless a column says otherwise.

-- device: what the device is, and where it stands in the server's history.
CREATE TABLE device (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          TEXT    NOT NULL,            -- 15 characters a-z0-9, made here
    key         BLOB    NOT NULL,            -- private P-256 scalar, 32 bytes
    name        TEXT    NOT NULL DEFAULT '', -- label told at enrolment
    url         TEXT    NOT NULL DEFAULT '', -- the server, without a slash at the end
    token       TEXT    NOT NULL DEFAULT '',
    person      TEXT    NOT NULL DEFAULT '', -- JSON {id, role, organization, sites, locale}
    seal_key    TEXT    NOT NULL DEFAULT '', -- the installation's public HPKE key, base64url
    limits      TEXT    NOT NULL DEFAULT '', -- JSON of hello's limits; '' before the first hello
    n           INTEGER NOT NULL DEFAULT 0,  -- the last n given out
    clock_ms    INTEGER NOT NULL DEFAULT 0,  -- the hybrid clock's last time
    clock_count INTEGER NOT NULL DEFAULT 0,
    offset_ms   INTEGER,                     -- server minus device; NULL: none, or the clock jumped since
    offset_at   INTEGER NOT NULL DEFAULT 0,  -- when it was measured
    epoch       TEXT,                        -- of the last answer
    view_epoch  TEXT,                        -- the epoch that the confirmed records' seqs belong to
    mark        TEXT,
    cursor      TEXT,
    durable_seq INTEGER NOT NULL DEFAULT 0,
    generation  INTEGER NOT NULL DEFAULT 0,  -- of the view; a reset begins a new one
    resetting   INTEGER NOT NULL DEFAULT 0,  -- 1 between a reset's first page and its last
    acks        INTEGER NOT NULL DEFAULT 0,  -- counts acknowledgements
    pulled_acks INTEGER NOT NULL DEFAULT 0,  -- the acks that a finished pull has begun after
    contact     INTEGER NOT NULL DEFAULT 0,  -- last answer of the server; 0: never
    contact_url TEXT    NOT NULL DEFAULT '',
    problem     TEXT    NOT NULL DEFAULT '', -- JSON {code, message, hint, at, push}: why the last exchange failed; a push's stays until one gets through
    fork_id     TEXT    NOT NULL DEFAULT '', -- a renewal with newDevice is under way with this id
    fork_key    BLOB,                        -- and this key
    checked     INTEGER NOT NULL DEFAULT 0,  -- when the view was last compared with the server's (PULL-8); 0: that is due
    check_resets TEXT   NOT NULL DEFAULT '', -- JSON list of when resets for failed checks began, the last day's, by the server's clock
    wiping      INTEGER NOT NULL DEFAULT 0   -- 1: all was handed in, and this store is about to wipe itself; nothing is saved any more
) STRICT;

-- lineage: the ids that this device went by before (PUSH-3), the oldest first.
-- Stamps name them, and a restored server may know this device by them alone.
CREATE TABLE lineage (
    id    TEXT PRIMARY KEY,
    until INTEGER NOT NULL,
    key   BLOB                               -- its private scalar; NULL if version 1 of the tables did not keep it
) STRICT;

-- outbox: one row a mutation, in the order of making. A row is never deleted
-- by the program (DEV-3).
CREATE TABLE outbox (
    pos          INTEGER PRIMARY KEY AUTOINCREMENT,
    n            INTEGER NOT NULL UNIQUE,    -- given anew when the device gets a new id
    stamp        TEXT    NOT NULL,           -- made once, for ever
    body         BLOB,                       -- the mutation's JSON as made, without n; NULL once settled
    state        TEXT    NOT NULL CHECK (state IN
        ('waiting',                          -- to be sent; also again, after a rewind
         'acknowledged',                     -- applied or merged; kept until durable_seq passes seq (EPOCH-3)
         'settled',                          -- durable_seq has passed it
         'parked',                           -- refused or not to be sent: a person must look
         'corrected')),                      -- parked, and a person has made a corrected copy
    made         INTEGER NOT NULL,
    seq          INTEGER NOT NULL DEFAULT 0, -- the verdict's; 0: none
    verdict      TEXT    NOT NULL DEFAULT '',-- JSON of the last verdict
    code         TEXT    NOT NULL DEFAULT '',-- why it is parked or deferred
    message      TEXT    NOT NULL DEFAULT '',
    fails        INTEGER NOT NULL DEFAULT 0, -- exchanges that failed with this mutation alone
    ack          INTEGER NOT NULL DEFAULT 0, -- number of its acknowledgement
    corrected_by INTEGER NOT NULL DEFAULT 0, -- pos of the corrected copy
    correction_of INTEGER NOT NULL DEFAULT 0,-- pos of what it corrects
    sealed       TEXT    NOT NULL DEFAULT '' -- the ops sealed for the installation, for this device and n: what is sent; '' where body goes out in clear
) STRICT;
CREATE INDEX outbox_state ON outbox (state, n);
CREATE UNIQUE INDEX outbox_stamp ON outbox (stamp);

-- touched: which records a mutation is about.
CREATE TABLE touched (
    pos        INTEGER NOT NULL,
    op         INTEGER NOT NULL,             -- index in ops
    kind       TEXT    NOT NULL,             -- create, update or delete
    collection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    PRIMARY KEY (pos, op)
) STRICT, WITHOUT ROWID;
CREATE INDEX touched_record ON touched (collection, id);

-- records: the confirmed view, as pulled. generation is that of the pull which
-- last sent the record: a reset drops what is older (PULL-4).
CREATE TABLE records (
    collection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    seq        INTEGER NOT NULL,             -- the record's version
    generation INTEGER NOT NULL,
    record     TEXT    NOT NULL,             -- JSON as the list API shows it
    UNIQUE (collection, id)
) STRICT;

-- seen: own reports that a coordinator has opened.
CREATE TABLE seen (
    id         TEXT PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- doubtful: collections whose check has failed too often (PULL-4, PULL-8).
CREATE TABLE doubtful (
    collection TEXT PRIMARY KEY,
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
