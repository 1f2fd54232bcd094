-- Sealed authorship (R9): nothing stored in clear tells which person or device
-- of staff wrote a report, nor that one wrote two of them.

-- Last contact of the devices of staff, by the day, all of them in one text
-- encrypted under the installation key. A row for each would show, in two
-- backups of different days, whose phone was in touch between them.
CREATE TABLE journal_contact_sealed (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    box BLOB    NOT NULL
) STRICT;

-- Of staff: marks the device, see seal.HeldBy; '' for everybody else. device is
-- then the key of the receipt, and n 0.
ALTER TABLE journal_held ADD COLUMN owner TEXT NOT NULL DEFAULT '';

-- What was opened is looked for by its place in history where the device in it
-- is one for this report alone.
CREATE INDEX journal_seen_seq ON journal_seen (seq);

-- Reports whose author was made known, so that their devices learn of it.
CREATE TABLE journal_unsealed (
    seq    INTEGER NOT NULL PRIMARY KEY,
    report TEXT    NOT NULL
) STRICT;
