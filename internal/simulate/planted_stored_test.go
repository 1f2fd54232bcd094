package simulate

// plantedStored are faults of what the server stores: a statement is not done, or
// one is done past all hooks.
func plantedStored() []planted {
	return []planted{
		{1, "[INV-1] a commit is said to be done and is not", 2, nil, func() *Tamper {
			pushes := 0
			return &Tamper{
				Request: func(_ *run, _ *phone, path string, _ []byte) []byte {
					if path == "/api/sync/push" {
						pushes++
					}
					return nil
				},
				ServerSQL: func(r *run, query string, _ []any) (string, bool) {
					if query == "COMMIT" && pushes > 0 && pushes%4 == 0 {
						pushes++
						return "", true
					}
					return "", false
				}}
		}},
		{5, "[INV-5] what is refused is kept nowhere", 1, nil, func() *Tamper {
			return sqlOnServer(func(_ *run, q string) bool { return inserts(q, "quarantine") })
		}},
		{7, "[INV-7] a report is made without its triage", 1, nil, func() *Tamper {
			return sqlOnServer(func(_ *run, q string) bool { return inserts(q, "triage") })
		}},
		{8, "[INV-8] a record is written without its clock", 1, nil, func() *Tamper {
			return sqlOnServer(func(_ *run, q string) bool { return inserts(q, "journal_clock") })
		}},
		{15, "[INV-15] an edit of one field puts back another", 0, once, func() *Tamper {
			return onServer(Sync, "UPDATE sites SET address = '', notes = '' WHERE address LIKE 'mk%' OR notes LIKE 'mk%'")
		}},
		{15, "[INV-15] an edit of a text takes away the letter beside it", 0, lettered, func() *Tamper {
			return onServer(Sync, "UPDATE sites SET industry = '' WHERE industry != ''")
		}},
		{16, "[INV-16] the value that lost is forgotten", 0, rivals, func() *Tamper {
			return sqlOnServer(func(_ *run, q string) bool { return inserts(q, "conflicts") })
		}},
		{16, "[INV-16] the letter that lost is forgotten", 0, lettered, func() *Tamper {
			return onServer(Sync, "DELETE FROM conflicts WHERE field = 'industry'")
		}},
		{17, "[INV-17] what was deleted is made again", 0, deleted, func() *Tamper {
			return onServer(Sync, `INSERT INTO journal_entry (seq, mut, at, collection, record, op, actor, device, stamp, content_hash, hash)
				SELECT (SELECT max(seq) + 1 FROM journal_entry), mut, at, collection, record, 'create', actor, device, stamp || 'x', content_hash, hash
				FROM journal_entry WHERE op = 'delete' LIMIT 1`)
		}},
		{26, "[INV-26] a write goes past the journal", 1, nil, func() *Tamper {
			return onServer(Sync, "UPDATE sites SET venue = 'elsewhere' WHERE id = '"+siteB2+"'")
		}},
		{27, "[INV-27] an invite is used up, and no device is made", 0, newcomer, func() *Tamper {
			return sqlOnServer(func(r *run, q string) bool { return len(r.phones) > r.script.Phones && inserts(q, "devices") })
		}},
	}
}
