package checklist

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"unicode/utf8"
)

// The checks of this file are for the common fields of reports. They take what
// encoding/json decodes (numbers as float64 or json.Number) and return nil or
// a *Problem. Lists may be nil: the field was left out.
//
// A person or a vehicle is described by choices (R2), never in a free text.
// Which choices there are comes with the content of the field app, and grows
// with it, so any short lower-case word or slug is taken: "van", "dark_hair",
// "red jacket". What it can't be: a sentence, a capitalised name, a number to
// call.
var choiceForm = regexp.MustCompile(`^[a-z][a-z0-9]*([ _-][a-z0-9]+)*$`)

// MaxPlateEnd is how many characters the end of a plate may have. More would
// be the plate, which needs the organization's leave.
const MaxPlateEnd = 4

var (
	plateStateForm = regexp.MustCompile(`^[A-Za-z]+([ _-][A-Za-z]+)*$`)
	plateForm      = regexp.MustCompile(`^[\p{L}\p{N}]+([ .-]?[\p{L}\p{N}]+)*$`)
)

const maxPlate = 12

// CheckPersons checks a list of {age, description}: age one of child, teen,
// adult, unsure; description a list of choices. Both may be left out: somebody
// was there.
func CheckPersons(list any) error {
	if list == nil {
		return nil
	}
	rows, err := listOf("persons", list, MaxPersons)
	if err != nil {
		return err
	}
	for n, value := range rows {
		field := fmt.Sprintf("persons[%d]", n)
		person, err := objectOf(field, value, "age", "description")
		if err != nil {
			return err
		}
		if age, there := person["age"]; there && !oneOf(age, "child", "teen", "adult", "unsure") {
			return problem(field+".age", "must be child, teen, adult or unsure")
		}
		if description, there := person["description"]; there {
			if err := checkChoices(field+".description", description, MaxDescription); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckVehicles checks a list of {kind, color, plate_state, plate_end}, each
// of which may be left out or empty: kind and color are choices, plate_state
// the letters of a state or a choice, plate_end the last characters that were
// read. plate, the whole of it, is taken only with plates, that is if the
// organization allows it.
func CheckVehicles(list any, plates bool) error {
	if list == nil {
		return nil
	}
	rows, err := listOf("vehicles", list, MaxVehicles)
	if err != nil {
		return err
	}
	for n, value := range rows {
		field := fmt.Sprintf("vehicles[%d]", n)
		vehicle, err := objectOf(field, value, "kind", "color", "plate_state", "plate_end", "plate")
		if err != nil {
			return err
		}
		if _, there := vehicle["plate"]; there && !plates {
			return problem(field+".plate", "is not allowed by the organization; plate_end may hold up to %d characters", MaxPlateEnd)
		}
		for _, part := range vehicleParts {
			value, there := vehicle[part.key]
			if there && !part.takes(value) {
				return problem(field+"."+part.key, "must be %s", part.what)
			}
		}
	}
	return nil
}

type vehiclePart struct {
	key  string
	form *regexp.Regexp
	max  int // characters
	what string
}

func (p vehiclePart) takes(value any) bool {
	text, ok := value.(string)
	return ok && (text == "" || utf8.RuneCountInString(text) <= p.max && p.form.MatchString(text))
}

var vehicleParts = []vehiclePart{
	{"kind", choiceForm, MaxChoice, "a short lower-case word"},
	{"color", choiceForm, MaxChoice, "a short lower-case word"},
	{"plate_state", plateStateForm, MaxChoice, "the letters of a state"},
	{"plate_end", plateForm, MaxPlateEnd, fmt.Sprintf("at most %d letters or digits", MaxPlateEnd)},
	{"plate", plateForm, maxPlate, fmt.Sprintf("at most %d letters or digits", maxPlate)},
}

// CheckOutreach checks what was given or done: a list of choices. What was
// given twice stands there twice.
func CheckOutreach(list any) error {
	if list == nil {
		return nil
	}
	return checkChoices("outreach", list, MaxOutreach)
}

func checkChoices(field string, value any, max int) error {
	list, err := listOf(field, value, max)
	if err != nil {
		return err
	}
	for n, value := range list {
		text, ok := value.(string)
		if !ok || len(text) > MaxChoice || !choiceForm.MatchString(text) {
			return problem(fmt.Sprintf("%s[%d]", field, n), "must be a short lower-case word")
		}
	}
	return nil
}

// CheckPeople checks how many people there were: a whole number from 0 to
// MaxPeople, or null.
func CheckPeople(value any) error {
	if value == nil {
		return nil
	}
	number, ok := numberOf(value)
	if !ok || number < 0 || number > MaxPeople || number != math.Trunc(number) {
		return problem("people", "must be a whole number from 0 to %d, or null", MaxPeople)
	}
	return nil
}

// CheckPoint checks an exact place: {lat, lon} in degrees, -90 to 90 and -180
// to 180, or null (R14: it is opt-in).
func CheckPoint(value any) error {
	if value == nil {
		return nil
	}
	point, err := objectOf("point", value, "lat", "lon")
	if err != nil {
		return err
	}
	for _, axis := range []struct {
		key   string
		limit float64
	}{{"lat", 90}, {"lon", 180}} {
		degrees, ok := numberOf(point[axis.key])
		if !ok || math.Abs(degrees) > axis.limit {
			return problem("point."+axis.key, "must be a number of degrees from -%g to %g", axis.limit, axis.limit)
		}
	}
	return nil
}

// numberOf reads a decoded JSON number; false for anything else, and for one
// that no float64 holds.
func numberOf(value any) (float64, bool) {
	switch number := value.(type) {
	case float64:
		return number, !math.IsNaN(number) && !math.IsInf(number, 0)
	case json.Number:
		f, err := number.Float64()
		return f, err == nil
	}
	return 0, false
}
