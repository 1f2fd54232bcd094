package checklist

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// Collections that hold content other than checklists: a record for each
// entry, in all languages.
const (
	HotlineCollection   = "hotlines"
	GuidanceCollection  = "guidance"
	VenueCollection     = "venues"
	IndustryCollection  = "industries"
	ProfileCollection   = "routing_profiles"
	StatisticCollection = "published_statistics"
)

// EntryCollections are all of them.
var EntryCollections = []string{HotlineCollection, GuidanceCollection, VenueCollection, IndustryCollection, ProfileCollection, StatisticCollection}

// Entry is a piece of content as a record holds it.
type Entry struct {
	Collection string
	Key        string
	// Body is what its file says, as decoded JSON. What a person adds later
	// (VerifiedOn) is beside it: verifying is no edit.
	Body map[string]any
	// Mark is MarkOf(Body).
	Mark       string
	VerifiedOn string // of a hotline
}

// MarkOf is a short print of a body, equal for bodies that say the same. It
// tells a body that was edited from one that was not.
func MarkOf(body any) (string, error) {
	data, err := json.Marshal(body) // the keys of maps come sorted
	if err != nil {
		return "", fmt.Errorf("mark of content: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), nil
}

// EntriesIn reads what of a folder of content becomes an entry, by collection
// and then as the files have it.
func EntriesIn(fsys fs.FS) ([]Entry, error) {
	var all []Entry
	var failed error
	add := func(collection, key string, doc any, verified string) {
		body, err := plainBody(doc)
		if err == nil {
			var mark string
			if mark, err = MarkOf(body); err == nil {
				all = append(all, Entry{collection, key, body, mark, verified})
			}
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("entry %s/%s: %w", collection, key, err)
		}
	}
	lines, err := HotlinesIn(fsys)
	if err != nil {
		return nil, err
	}
	for _, h := range lines {
		add(HotlineCollection, h.ID, h, h.VerifiedOn)
	}
	guidance, err := GuidanceIn(fsys)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(guidance)) {
		add(GuidanceCollection, key, guidance[key], "")
	}
	packs, err := PacksIn(fsys)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(packs)) {
		p := packs[name]
		for _, v := range p.Venues {
			add(VenueCollection, v.ID, v, "")
		}
		for _, i := range p.Industries {
			add(IndustryCollection, i.ID, i, "")
		}
		for _, profile := range p.Profiles {
			add(ProfileCollection, profile.ID, profile, "")
		}
		for _, s := range p.Statistics {
			add(StatisticCollection, s.ID, s, "")
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		return slices.Index(EntryCollections, a.Collection) - slices.Index(EntryCollections, b.Collection)
	})
	seen := map[string]bool{}
	for _, e := range all {
		if seen[e.Collection+"/"+e.Key] {
			return nil, fmt.Errorf("entry %s/%s stands twice", e.Collection, e.Key)
		}
		seen[e.Collection+"/"+e.Key] = true
	}
	return all, failed
}

// plainBody is a document as decoded JSON, without what its record says itself.
func plainBody(doc any) (map[string]any, error) {
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var body map[string]any
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, err
	}
	delete(body, "verified_on")
	delete(body, "format")
	return body, nil
}

// CheckEntry tells whether a body is one of its collection, and of this key.
// What it says is for who edits content: no card can be made of another body.
func CheckEntry(collection, key string, body any) error {
	var into any
	var id *string
	switch collection {
	case HotlineCollection:
		h := &Hotline{}
		into, id = h, &h.ID
	case GuidanceCollection:
		g := &Guidance{}
		into, id = g, &g.Key
	case VenueCollection:
		v := &Venue{}
		into, id = v, &v.ID
	case IndustryCollection:
		i := &Industry{}
		into, id = i, &i.ID
	case ProfileCollection:
		p := &Profile{}
		into, id = p, &p.ID
	case StatisticCollection:
		s := &Statistic{}
		into, id = s, &s.ID
	default:
		return fmt.Errorf("%s holds no content", collection)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("body is not readable: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("body is not as content has it: %w", err)
	}
	if *id != key {
		return fmt.Errorf("body is of %q, and the record of %q", *id, key)
	}
	if h, ok := into.(*Hotline); ok {
		return h.checkChannels()
	}
	return nil
}

// checkChannels holds the numbers of an edited line to their form: a wrong one
// is what somebody in danger would call.
func (h *Hotline) checkChannels() error {
	if len(h.Channels) == 0 {
		return fmt.Errorf("the line has no channel")
	}
	for _, c := range h.Channels {
		if shape := channelValue[c.Kind]; shape == nil || !shape.MatchString(c.Value) {
			return fmt.Errorf("%q is not well formed for %q", c.Value, c.Kind)
		}
		if !openHours.MatchString(c.Hours) {
			return fmt.Errorf("hours %q are not as 24/7, 07:00-20:00 or mon-fri 08:00-16:30", c.Hours)
		}
	}
	return nil
}

// HotlineOf makes a line of what its record says.
func HotlineOf(body any, verifiedOn string) (Hotline, error) {
	var h Hotline
	data, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(data, &h)
	}
	if err != nil {
		return Hotline{}, fmt.Errorf("read hotline: %w", err)
	}
	h.VerifiedOn = verifiedOn
	return h, nil
}
