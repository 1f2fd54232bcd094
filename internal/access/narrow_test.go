package access

import (
	"math/rand/v2"
	"testing"
)

func TestNarrow(t *testing.T) {
	t.Run("[ACCESS] what a rule shows a person has one of the pairs that it is looked for by", func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 5))
		names := []string{"", "a", "b", "c", "d"}
		pick := func() string { return names[random.IntN(len(names))] }
		shown, hidden, open := 0, 0, 0
		for range 200_000 {
			p := Person{ID: pick(), Role: Roles[random.IntN(len(Roles))], Organization: pick(), Sites: []string{pick(), pick()}}
			record := Values{"role": string(Roles[random.IntN(len(Roles))]), "published": random.IntN(2) == 0, "served_by": pick()}
			for _, f := range []string{"id", "organization", "author", "user", "owner"} {
				record[f] = pick()
			}
			for name, row := range Table {
				if name == "users" {
					record["served_by"] = []string{pick()}
				}
				pairs, ok := Narrow(row.List, p)
				near := !ok
				for _, pair := range pairs {
					near = near || record.text(pair.Field) == pair.Value
				}
				holds := row.List != nil && row.List.Holds(p, record)
				switch {
				case holds && !near:
					t.Fatalf("%s: %+v sees %+v, which has none of %v", name, p, record, pairs)
				case !ok:
					open++
				case holds:
					shown++
				default:
					hidden++
				}
			}
		}
		if shown < 1000 || hidden < 1000 || open < 1000 {
			t.Errorf("%d shown, %d hidden, %d looked at one by one: too few of one to tell", shown, hidden, open)
		}
	})

	t.Run("[ACCESS] those who write most look for their own alone, and who sees no reports looks at none", func(t *testing.T) {
		p := Person{ID: "me", Organization: "us", Sites: []string{"s"}}
		for _, c := range []struct {
			role       Role
			collection string
			want       []Pair
		}{
			{Worker, "observations", []Pair{{"author", "me"}}},
			{Coordinator, "observations", []Pair{{"organization", "us"}}},
			{Coordinator, "triage", []Pair{{"organization", "us"}}},
			{Worker, "triage", nil},
			{Manager, "submissions", nil},
			{Staff, "sites", []Pair{{"id", "s"}}},
		} {
			p.Role = c.role
			got, ok := Narrow(Table[c.collection].List, p)
			if !ok || len(got) != len(c.want) || len(got) == 1 && got[0] != c.want[0] {
				t.Errorf("%s, %s: %v %v", c.role, c.collection, got, ok)
			}
		}
	})
}
