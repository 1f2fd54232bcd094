package access_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func inviteFor(role access.Role, organization string, sites ...string) records.Invite {
	return records.Invite{Role: role, Organization: organization, Sites: sites}
}

// unlisted names the collections that the table does not have.
func (w *world) unlisted() []string {
	var names []string
	for _, c := range w.collections() {
		if _, ok := access.Table[c.Name]; !ok {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestSchema(t *testing.T) {
	w := &world{Rig: rig.New(t)}
	t.Run("[ACCESS] every collection is in the access table or PocketBase's own", func(t *testing.T) {
		if names := w.unlisted(); len(names) > 0 {
			t.Fatalf("not in the access table: %v", names)
		}
		for name := range access.Table {
			if _, err := w.App.FindCollectionByNameOrId(name); err != nil {
				t.Errorf("%s is in the access table and not in the database", name)
			}
		}
	})
	t.Run("[ACCESS] a collection that somebody adds without a row is found", func(t *testing.T) {
		if err := w.App.Save(core.NewBaseCollection("smuggled")); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, w.unlisted(), []string{"smuggled"})
		if err := w.App.Delete(w.collection("smuggled")); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("[ACCESS] every collection has exactly the rules that the table makes, and nobody manages or signs up", func(t *testing.T) {
		for name, row := range access.Table {
			c := w.collection(name)
			if !records.RulesHold(c, row) {
				t.Errorf("%s has other rules than its row", name)
			}
			if c.IsAuth() && c.ManageRule != nil {
				t.Errorf("%s has a manage rule: %s", name, *c.ManageRule)
			}
		}
	})
	t.Run("[MERGE-4] every field of a collection has one policy in the table, hidden and PocketBase's own ones none", func(t *testing.T) {
		for name, row := range access.Table {
			known := map[string]bool{}
			for _, f := range w.collection(name).Fields {
				if f.GetHidden() || f.GetName() == "id" {
					continue
				}
				known[f.GetName()] = true
				if _, ok := row.Fields[f.GetName()]; !ok {
					t.Errorf("%s.%s has no policy", name, f.GetName())
				}
			}
			for f, policy := range row.Fields {
				hidden := w.collection(name).Fields.GetByName(f)
				if !known[f] && (hidden == nil || policy != merge.Server) {
					t.Errorf("%s.%s has a policy and is no field that clients see", name, f)
				}
			}
			for _, f := range row.AdminOnly {
				if !known[f] {
					t.Errorf("%s.%s is for admins and no field", name, f)
				}
			}
		}
	})
}

func (w *world) collection(name string) *core.Collection {
	w.T.Helper()
	c, err := w.App.FindCollectionByNameOrId(name)
	if err != nil {
		w.T.Fatal(err)
	}
	return c
}

// personal matches what a field for a person's identity would be called. Things
// may have names: those that do are listed in things.
var personal = regexp.MustCompile(`(?i)name|birth|born|\bdob\b|age_exact|citizen|national|immigra|migra|visa|passport|alien|a_?number|legal_?status|residen|asylum|deport|undocumented|country|origin|ethnic|race|religion|ssn|social_?security|id_?number|license|licence|document|phone|e-?mail|contact|address|photo|face|finger|biometric`)

var things = map[string]string{
	"organizations.name":    "an organization's",
	"sites.name":            "a place's",
	"sites.address":         "a place's",
	"devices.name":          "a device's label",
	"operations.name":       "a joint effort's",
	"users.email":           "the sign-in of somebody who works here; staff have none",
	"users.emailVisibility": "PocketBase's switch for it",
}

func TestNoIdentity(t *testing.T) {
	w := newWorld(t)
	t.Run("[R1] no collection has a field for a person's name, birthplace, citizenship or immigration status", func(t *testing.T) {
		found := 0
		for _, c := range w.collections() {
			for _, f := range c.Fields {
				at := c.Name + "." + f.GetName()
				if personal.MatchString(f.GetName()) {
					found++
					if things[at] == "" {
						t.Errorf("%s looks like a field for a person's identity", at)
					}
				}
			}
		}
		rig.Want(t, found, len(things))
	})
	t.Run("[R1] the scan finds such fields", func(t *testing.T) {
		for _, name := range []string{"name", "full_name", "surname", "birthplace", "birth_date", "citizenship", "nationality", "immigration_status", "visa", "passport_no", "country_of_origin", "legalStatus", "a_number"} {
			if !personal.MatchString(name) {
				t.Errorf("%s is not found", name)
			}
		}
		for _, c := range access.Reports {
			for at := range things {
				if strings.HasPrefix(at, c+".") {
					t.Errorf("%s: a report has no exceptions", at)
				}
			}
		}
	})
	t.Run("[R1] none rides along inside a person or vehicle that a report describes", func(t *testing.T) {
		for field, element := range map[string]map[string]any{
			"persons": {"age": "adult", "description": []any{}}, "vehicles": {"kind": "van", "color": "white"},
			"indicators": {"indicator": "core.01", "basis": "saw"},
		} {
			for _, key := range []string{"name", "birthplace", "citizenship", "immigration_status"} {
				with := map[string]any{key: "x"}
				for k, v := range element {
					with[k] = v
				}
				fields := w.Observation("")
				fields[field] = []any{with}
				v := w.person("worker A").create("observations", fields)
				rig.Want(t, v.Code, wire.CodeInvalid)
			}
		}
		for _, key := range []string{"name", "birthplace", "citizenship", "immigration_status"} {
			fields := w.Observation("")
			fields[key] = "x"
			id, v := w.person("worker A").Create("observations", fields)
			// Kept in the journal's extra for who upgrades, in no record.
			rig.Want(t, v.Code, wire.CodeKeptExtra)
			if raw := string(w.person("coordinator A").Fresh()["observations"][id]); strings.Contains(raw, `"`+key+`"`) {
				t.Error(raw)
			}
		}
	})
	t.Run("[R8] staff have no e-mail and no name, only a made label", func(t *testing.T) {
		for _, v := range w.all("users") {
			if v["role"] != "staff" {
				continue
			}
			rig.Want(t, v["email"], "")
			label, _ := v["label"].(string)
			if !regexp.MustCompile(`^staff-[A-Z2-9]{5}$`).MatchString(label) {
				t.Error(label)
			}
			keys := []string{}
			for k := range v {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			rig.Want(t, keys, []string{"email", "emailVisibility", "id", "label", "left", "locale", "operation_sites", "operations", "organization", "role", "served_by", "sites", "unconfirmed", "verified"})
		}
	})
}
