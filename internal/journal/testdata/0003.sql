-- One row for each table that schema file 0003 makes.
INSERT INTO journal_contact_sealed VALUES (1, x'00112233');
INSERT INTO journal_unsealed VALUES (7, 'r1b2c3d4e5f6g7h');
