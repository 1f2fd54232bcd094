package demo

import (
	"math/rand/v2"

	"github.com/fieldpost/fieldpost/client"
)

// urgency is how urgent triage will find what was noticed.
type urgency string

const (
	plain    urgency = "context"
	review   urgency = "review"
	pressing urgency = "emergency"
)

// item is one of a checklist, as far as inventing needs it.
type item struct{ id, weight string }

// What invented people notice is a situation, never a person that could be
// found: choices for people and vehicles, and in the notes no name, number or
// plate.
var (
	lotNotes = []string{
		"Stayed by the air pump for an hour, got into a second truck when the first one left.",
		"Came to the van for water, looked back at one pickup before each answer.",
		"Two came out of the same sleeper cab ten minutes apart, neither with a coat.",
		"Took the card, gave it back, asked to hear the number instead.",
		"A car circled the back row four times with its lights off.",
		"Asked which town this is. Said the ride was promised to be shorter.",
		"Sat on the curb behind the wash bay. Somebody came to fetch them when we stopped.",
		"Crew of six from one van, one person paid for all and kept the change.",
		"Waved us off from across the lot, later nodded when nobody was near.",
	}
	hotelNotes = []string{
		"Same two cars at the side door on three visits this week.",
		"One person spoke for three others at the desk and held all the keys.",
		"Group said they sell door to door, could not say for whom.",
		"Towels asked for every two hours, door opened by a hand's width.",
		"Talked in the laundry room. They want to know about wages, not more.",
	}
	quietNotes = []string{
		"Quiet. Gave out kits, nothing out of the ordinary.",
		"Nothing tonight. Left new cards at the desk.",
		"Rain, hardly anybody outside.",
	}
	looks   = []string{"dark_hair", "light_hair", "short_hair", "red_jacket", "gray_hoodie", "no_coat", "work_boots", "school_bag", "glasses", "cap"}
	kinds   = []string{"van", "pickup", "semi", "car", "suv"}
	colors  = []string{"white", "black", "silver", "blue", "green", "maroon"}
	states  = []string{"KS", "MO", "NE", "OK", "IA"}
	ages    = []string{"adult", "adult", "adult", "unsure", "teen"}
	given   = []string{"hygiene_kit", "hotline_card", "water", "warm_meal", "blanket", "talked"}
	notices = map[urgency]string{plain: "context", review: "strong", pressing: "emergency"}
)

// inventor invents what people notice, from chance that is told from outside.
type inventor struct{ *rand.Rand }

func (v inventor) oneOf(list []string) string { return list[v.IntN(len(list))] }

// howUrgent is mostly not: so it is in the field.
func (v inventor) howUrgent() urgency {
	switch n := v.IntN(100); {
	case n < 6:
		return pressing
	case n < 38:
		return review
	}
	return plain
}

// notice picks items of a list that make a report as urgent as wanted: one of
// the weight, with at most one weaker beside it. One that is not urgent may
// name none.
func (v inventor) notice(list []item, u urgency) []string {
	var fit, weak []string
	for _, i := range list {
		switch i.weight {
		case notices[u]:
			fit = append(fit, i.id)
		case notices[plain]:
			weak = append(weak, i.id)
		}
	}
	var out []string
	if len(fit) > 0 && (u != plain || v.IntN(4) > 0) {
		out = append(out, v.oneOf(fit))
	}
	if u != plain && len(weak) > 0 && v.IntN(2) == 0 {
		out = append(out, v.oneOf(weak))
	}
	return out
}

func (v inventor) basis() string {
	if v.IntN(4) == 0 {
		return "told"
	}
	return "saw"
}

// answers fills a checklist: what was noticed is yes, the rest no, and here
// and there unsure.
func (v inventor) answers(list []item, noticed []string) (answers, basis map[string]string) {
	answers, basis = map[string]string{}, map[string]string{}
	for _, i := range list {
		answers[i.id] = "no"
		if v.IntN(12) == 0 {
			answers[i.id] = "unsure"
		}
	}
	for _, id := range noticed {
		answers[id], basis[id] = "yes", v.basis()
	}
	return answers, basis
}

// outing gives what a report of an outreach worker says beside its items.
func (v inventor) outing(venue string, noticed int) client.Details {
	notes := lotNotes
	if venue == hotel {
		notes = hotelNotes
	}
	if noticed == 0 {
		notes = quietNotes
	}
	d := client.Details{Note: v.oneOf(notes), Outreach: []string{v.oneOf(given)}}
	if more := v.oneOf(given); more != d.Outreach[0] {
		d.Outreach = append(d.Outreach, more)
	}
	if noticed == 0 {
		return d
	}
	n := 1 + v.IntN(3)
	d.People = &n
	for range min(n, 2) {
		p := client.Described{Age: v.oneOf(ages), Description: []string{v.oneOf(looks)}}
		d.MinorPossible = d.MinorPossible || p.Age == "teen"
		d.Persons = append(d.Persons, p)
	}
	if v.IntN(2) == 0 {
		d.Vehicles = []client.Vehicle{{Kind: v.oneOf(kinds), Color: v.oneOf(colors), PlateState: v.oneOf(states)}}
	}
	return d
}
