package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
)

// details are the flags that observe and fill have in common.
type details struct {
	site, at, until, grid, point, note, operation string
	people                                        int
	persons, vehicles, outreach                   []string
	minor, manager                                bool
}

func (f *details) flags(c *cobra.Command) {
	s := c.Flags()
	s.StringVar(&f.site, "site", "", "id of the site")
	s.StringVar(&f.at, "time", "", "when it was seen, RFC 3339; now if left out")
	s.StringVar(&f.until, "until", "", "when it was over, RFC 3339")
	s.StringVar(&f.grid, "grid", "", "coarse grid cell")
	s.StringVar(&f.point, "point", "", "exact place, LAT,LON in degrees")
	s.StringVar(&f.note, "note", "", "free text; no names, numbers or papers of people")
	s.StringVar(&f.operation, "operation", "", "id of the joint effort")
	s.IntVar(&f.people, "people", 0, "how many people")
	s.StringArrayVar(&f.persons, "person", nil, "AGE[:CHOICE,CHOICE] with AGE child, teen, adult or unsure; may be repeated")
	s.StringArrayVar(&f.vehicles, "vehicle", nil, "KIND[,color=..][,plate_state=..][,plate_end=..]; may be repeated")
	s.StringArrayVar(&f.outreach, "outreach", nil, "what was given or done; may be repeated")
	s.BoolVar(&f.minor, "minor-possible", false, "somebody may be under 18")
	s.BoolVar(&f.manager, "manager-involved", false, "the manager may be involved")
}

// read turns the flags into the event time and the details.
func (f *details) read(c *cobra.Command) (at time.Time, d client.Details, err error) {
	d = client.Details{Site: f.site, Grid: f.grid, Note: f.note, Operation: f.operation, Outreach: f.outreach,
		MinorPossible: f.minor, ManagerInvolved: f.manager}
	if at, err = flagTime("time", f.at, time.Now()); err != nil {
		return at, d, err
	}
	if d.EventEnd, err = flagTime("until", f.until, time.Time{}); err != nil {
		return at, d, err
	}
	if c.Flags().Changed("people") {
		d.People = &f.people
	}
	if f.point != "" {
		lat, lon, _ := strings.Cut(f.point, ",")
		p := client.Point{}
		var errLat, errLon error
		p.Lat, errLat = strconv.ParseFloat(lat, 64)
		p.Lon, errLon = strconv.ParseFloat(lon, 64)
		if errLat != nil || errLon != nil || p.Lat < -90 || p.Lat > 90 || p.Lon < -180 || p.Lon > 180 {
			return at, d, badInput("bad_field", "The point is no place.", "Give degrees: --point 39.1,-94.58")
		}
		d.Point = &p
	}
	for _, text := range f.persons {
		age, choices, _ := strings.Cut(text, ":")
		switch age {
		case "child", "teen", "adult", "unsure":
		default:
			return at, d, badInput("bad_field", "The age of a person must be child, teen, adult or unsure.", "For instance: --person teen:red_jacket")
		}
		p := client.Described{Age: age}
		if choices != "" {
			p.Description = strings.Split(choices, ",")
		}
		d.Persons = append(d.Persons, p)
	}
	for _, text := range f.vehicles {
		v, err := vehicle(text)
		if err != nil {
			return at, d, err
		}
		d.Vehicles = append(d.Vehicles, v)
	}
	return at, d, nil
}

func vehicle(text string) (client.Vehicle, error) {
	parts := strings.Split(text, ",")
	v := client.Vehicle{}
	into := map[string]*string{"kind": &v.Kind, "color": &v.Color, "plate_state": &v.PlateState, "plate_end": &v.PlateEnd, "plate": &v.Plate}
	for i, part := range parts {
		key, value, named := strings.Cut(part, "=")
		if !named && i == 0 {
			key, value = "kind", part
		}
		if into[key] == nil {
			return v, badInput("bad_field", "A vehicle has kind, color, plate_state, plate_end and plate.", "For instance: --vehicle van,color=silver,plate_state=MO")
		}
		*into[key] = value
	}
	return v, nil
}

func flagTime(flag, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	t, err := client.ParseTime(text)
	if err != nil {
		return t, badInput("bad_time", "--"+flag+" is no time.", "Give RFC 3339: --"+flag+" 2026-01-11T04:55:00Z")
	}
	return t, nil
}

func (d *device) observeCommand() *cobra.Command {
	var f details
	var indicators []string
	c := d.command("observe", "Save an observation; needs no server", 0, func(c *cobra.Command, _ []string) error {
		at, det, err := f.read(c)
		if err != nil {
			return err
		}
		o := client.Observation{EventTime: at, Details: det}
		for _, text := range indicators {
			id, basis, given := strings.Cut(text, "=")
			if !given {
				basis = "saw"
			}
			o.Indicators = append(o.Indicators, client.Indicator{ID: id, Basis: basis})
		}
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			saved, err := dev.Observe(o)
			if err != nil {
				return err
			}
			return d.saySaved(c, dev, saved, "observations", 0)
		})
	})
	f.flags(c)
	c.Flags().StringArrayVar(&indicators, "indicator", nil, "ITEM[=saw|told], such as core.01=told; may be repeated")
	return c
}

func (d *device) fillCommand() *cobra.Command {
	var f details
	s := client.Submission{}
	var answers, basis []string
	c := d.command("fill", "Save a filled checklist; needs no server once checklists have been pulled", 0, func(c *cobra.Command, _ []string) error {
		var err error
		if s.Checklist == "" {
			return badInput("no_checklist", "There is no checklist given.", "Give its key or id: --checklist hotel_front. See: fieldpost device records checklists")
		}
		if c.Flags().Changed("version") && s.Version < 1 {
			return badInput("unknown_version", "Versions count from 1.", "Leave --version out for the newest one.")
		}
		if s.EventTime, s.Details, err = f.read(c); err != nil {
			return err
		}
		if s.Answers, err = pairs("answer", answers, "yes"); err != nil {
			return err
		}
		if len(s.Answers) == 0 {
			return badInput("no_answers", "There are no answers given.", "Give at least one: --answer hotel_front.01=yes")
		}
		if s.Basis, err = pairs("basis", basis, "saw"); err != nil {
			return err
		}
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			list, err := dev.FindChecklistIn(s.Checklist, s.Version, s.Locale)
			if err != nil {
				return err
			}
			if unfit := list.Unfit(s.Answers); len(unfit) > 0 {
				return badInput("bad_answer", "Item "+unfit[0]+" is missing, or has an answer that this checklist does not take.",
					"See what is asked: fieldpost device checklist "+list.Key)
			}
			saved, err := dev.Fill(s)
			if err != nil {
				return err
			}
			return d.saySaved(c, dev, saved, "submissions", 0)
		})
	})
	f.flags(c)
	c.Flags().StringVar(&s.Checklist, "checklist", "", "key or id of the checklist")
	c.Flags().IntVar(&s.Version, "version", 0, "its version; the newest if left out")
	c.Flags().StringVar(&s.Locale, "locale", "", "its language, en or es; the person's if left out")
	c.Flags().StringVar(&s.About, "about", "", "guest, coworker or self")
	c.Flags().StringArrayVar(&answers, "answer", nil, "ITEM=yes|no|unsure; may be repeated")
	c.Flags().StringArrayVar(&basis, "basis", nil, "ITEM=saw|told; may be repeated")
	return c
}

// checklistCommand asks what a screen would ask: the items whose conditions
// hold for the answers so far.
func (d *device) checklistCommand() *cobra.Command {
	var version int
	var locale string
	var answers []string
	c := d.command("checklist KEY", "Show what a checklist asks, given the answers so far; asks nobody", 1, func(c *cobra.Command, args []string) error {
		given, err := pairs("answer", answers, "yes")
		if err != nil {
			return err
		}
		return d.enrolled(func(dev *client.Device, _ client.Status) error {
			list, err := dev.FindChecklistIn(args[0], version, locale)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if err := d.say(out, "checklist", map[string]any{"id": list.ID, "key": list.Key, "version": list.Version, "locale": list.Locale, "title": list.Title},
				"%s, version %d (%s)", list.Title, list.Version, list.Locale); err != nil {
				return err
			}
			group := ""
			for _, i := range list.Asked(given) {
				text := fmt.Sprintf("  %-18s %s", i.ID, i.Text)
				if i.Hint != "" {
					text += " (" + i.Hint + ")"
				}
				if a := given[i.ID]; a != "" {
					text += ": " + a
				}
				if i.GroupLabel != group {
					group = i.GroupLabel
					text = group + "\n" + text
				}
				if err := d.say(out, "item", leaveEmptyOut(map[string]any{"id": i.ID, "text": i.Text, "weight": i.Weight, "form": i.Form, "hint": i.Hint, "read_aloud": i.ReadAloud,
					"icon": i.Icon, "group": i.Group, "group_label": i.GroupLabel, "review": i.Review, "answer": given[i.ID]}), "%s", text); err != nil {
					return err
				}
			}
			return nil
		})
	})
	c.Flags().IntVar(&version, "version", 0, "its version; the newest if left out")
	c.Flags().StringVar(&locale, "locale", "", "its language, en or es; the person's if left out")
	c.Flags().StringArrayVar(&answers, "answer", nil, "ITEM=yes|no|unsure; may be repeated")
	return c
}

// pairs reads ITEM=VALUE flags; an item may stand there once.
func pairs(flag string, given []string, example string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range given {
		item, value, ok := strings.Cut(text, "=")
		if !ok || item == "" {
			return nil, badInput("bad_answer", fmt.Sprintf("--%s is not of the form ITEM=VALUE.", flag), fmt.Sprintf("For instance: --%s hotel_front.01=%s", flag, example))
		}
		if _, twice := out[item]; twice {
			return nil, badInput("bad_answer", fmt.Sprintf("--%s names an item twice.", flag), "Give each item once.")
		}
		out[item] = value
	}
	return out, nil
}

func (d *device) saySaved(c *cobra.Command, dev *client.Device, saved client.Saved, collection string, correctionOf int64) error {
	s, err := dev.Status()
	if err != nil {
		return err
	}
	return d.say(c.OutOrStdout(), "saved", leaveEmptyOut(map[string]any{"n": saved.N, "stamp": saved.Stamp, "collection": collection,
		"id": saved.IDs[0], "state": string(client.SavedHere), "waiting": s.Waiting, "correction_of": correctionOf}),
		"Number %d, %s %s: %s. %d waiting.", saved.N, collection, saved.IDs[0], client.SavedHere, s.Waiting)
}
