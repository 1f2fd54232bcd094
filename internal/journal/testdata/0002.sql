-- One row for each table that schema file 0002 makes.
INSERT INTO journal_home VALUES (1, '6f1c');
INSERT INTO journal_durable VALUES ('epoch00000000001', 1, 1770439272318, 'backup');
INSERT INTO journal_held VALUES ('q1b2c3d4e5f6g7h', 'aaaaaaaaaaaaaaa', 3, 412);
