package pb_migrations

import "github.com/pocketbase/pocketbase/core"

// reportIDs are the collections that a report names.
type reportIDs struct{ organizations, users, sites string }

func findReportIDs(app core.App) (ids reportIDs, err error) {
	for name, into := range map[string]*string{"organizations": &ids.organizations, "users": &ids.users, "sites": &ids.sites} {
		if *into, err = collectionID(app, name); err != nil {
			return ids, err
		}
	}
	return ids, nil
}

// findReports gives the collections of reports to those that name a report.
func findReports(app core.App) (observations, submissions string, err error) {
	if observations, err = collectionID(app, "observations"); err != nil {
		return "", "", err
	}
	submissions, err = collectionID(app, "submissions")
	return observations, submissions, err
}

// reportFields are common to observations and submissions. No field holds a
// person's name, birthplace, citizenship or status (R1).
func reportFields(ids reportIDs) []core.Field {
	return []core.Field{
		date("event_time", true),
		relation("site", ids.sites, false),
		text("grid", 20, false),
		jsonField("point", 200),
		date("event_end", false),
		jsonField("people", 20),
		jsonField("persons", 64<<10),
		jsonField("vehicles", 64<<10),
		jsonField("outreach", 64<<10),
		text("note", 20_000, false),
		text("operation", 15, false),
		yesNo("minor_possible"),
		yesNo("manager_involved"),
		relation("organization", ids.organizations, true),
		date("received", true),
		choice("clock_off", true, "ok", "minutes", "hours", "days"),
		relation("author", ids.users, false), // never set for staff (R9)
	}
}

func init() {
	register("1800000005_reports.go", func(app core.App) error {
		ids, err := findReportIDs(app)
		if err != nil {
			return err
		}
		observations := append([]core.Field{jsonField("indicators", 256<<10)}, reportFields(ids)...)
		if err := saveCollection(app, "observations", observations, "organization", "author", "site"); err != nil {
			return err
		}
		checklists, err := collectionID(app, "checklists")
		if err != nil {
			return err
		}
		submissions := append([]core.Field{
			relation("checklist", checklists, true),
			&core.NumberField{Name: "version", OnlyInt: true, Required: true},
			jsonField("answers", 256<<10),
			jsonField("basis", 256<<10),
			choice("about", false, "guest", "coworker", "self"),
		}, reportFields(ids)...)
		return saveCollection(app, "submissions", submissions, "organization", "author", "site")
	}, "observations", "submissions")
}
