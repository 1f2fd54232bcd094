DROP TABLE journal_held;
DROP TABLE journal_durable;
DROP TABLE journal_home;
