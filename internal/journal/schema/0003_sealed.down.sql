DROP TABLE journal_unsealed;
DROP INDEX journal_seen_seq;
ALTER TABLE journal_held DROP COLUMN owner;
DROP TABLE journal_contact_sealed;
