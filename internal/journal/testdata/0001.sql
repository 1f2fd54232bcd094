-- One row for each table as of schema file 0001. A table that a later file
-- makes gets its rows in that file's own fixture; these rows stay as they are,
-- since they stand for a database that is out there.
INSERT INTO journal_epoch VALUES ('epoch00000000001', 0, 1770439272318, NULL);
INSERT INTO journal_entry VALUES (1, 1, 1770439272318, 'observations', 'a1b2c3d4e5f6g7h', 'create', 'rosa00000000001',
    'aaaaaaaaaaaaaaa', '1770439272000-0000-aaaaaaaaaaaaaaa', x'00112233', x'44556677');
INSERT INTO journal_content VALUES (1, x'000102030405060708090a0b0c0d0e0f', CAST('{"fields":{"note":"silver van"}}' AS BLOB));
INSERT INTO journal_clock VALUES ('observations', 'a1b2c3d4e5f6g7h', 1, 1, 0, '{"d":{"s":1,"e":{"ms":1770439272000,"c":0}}}');
INSERT INTO journal_feed VALUES ('a1b2c3d4e5f6g7h', 'observations', 'org:a', 1, 1, 0);
INSERT INTO journal_receipt VALUES ('aaaaaaaaaaaaaaa', 1, x'8899aabb', '1770439272000-0000-aaaaaaaaaaaaaaa', 1770439272000, 1770439272318,
    'applied', 1, NULL);
INSERT INTO journal_deferred VALUES ('aaaaaaaaaaaaaaa', 2, '1770439272001-0000-aaaaaaaaaaaaaaa', 1770439272001, 1770439272318);
INSERT INTO journal_refused VALUES ('observations', 'z1b2c3d4e5f6g7h');
INSERT INTO journal_seen VALUES ('aaaaaaaaaaaaaaa', 1, 'a1b2c3d4e5f6g7h');
INSERT INTO journal_contact VALUES ('phone0000000001', 1770439272318);
