package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// history is the past of a demo: what phones saved, when they came back into
// coverage, and what coordinators did with it. It runs in the order of time,
// because each push is received when it is made.
type history struct {
	s     *wiring.Services
	clock *Clock
	t     *taskForce
	by    inventor
	lists map[string]list // the newest version, by checklist key and language: "core en"
	steps []step
	filed []*filed
	count int // of reports, for their ids
}

// step is something that happens at a true time.
type step struct {
	at time.Time
	do func(ctx context.Context, at time.Time) error
}

// list is a checklist as the installation holds it.
type list struct {
	id      string
	version int
	items   []item
}

func newHistory(s *wiring.Services, clock *Clock, t *taskForce) (*history, error) {
	h := &history{s: s, clock: clock, t: t, by: inventor{rand.New(rand.NewPCG(2, 8090))}, lists: map[string]list{}}
	found, err := s.Store.App.FindAllRecords("checklists")
	if err != nil {
		return nil, fmt.Errorf("find checklists: %w", err)
	}
	for _, r := range found {
		var items []client.Item
		if err := r.UnmarshalJSONField("items", &items); err != nil {
			return nil, fmt.Errorf("read checklist %s: %w", r.Id, err)
		}
		key := r.GetString("key") + " " + r.GetString("locale")
		if r.GetInt("version") <= h.lists[key].version {
			continue
		}
		l := list{id: r.Id, version: r.GetInt("version")}
		for _, i := range items {
			l.items = append(l.items, item{i.ID, i.Weight})
		}
		h.lists[key] = l
	}
	h.plan()
	return h, nil
}

// run makes the past.
func (h *history) run(ctx context.Context) error {
	slices.SortStableFunc(h.steps, func(a, b step) int { return a.at.Compare(b.at) })
	for _, s := range h.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.do(ctx, s.at); err != nil {
			return err
		}
	}
	return nil
}

// plan lays out the days. Times of day are UTC: five in the morning is an hour
// before midnight in Kansas City.
func (h *history) plan() {
	midnight := h.t.start.Truncate(day)
	for d := 5; d >= 0; d-- {
		today := midnight.Add(-time.Duration(d) * day)
		at := func(hours float64) time.Time { return today.Add(time.Duration(hours * float64(time.Hour))) }
		h.shift("worker 0", at(8.8), h.outing(sites[2]), h.spread(at(4.7), at(8.2), 4)...)
		h.shift("worker 1", at(3.4), h.outing(sites[d%2]), h.spread(at(0.5), at(3), 3)...)
		// The phone whose clock is wrong. Every other day it stays in the car
		// until the evening: what it brings happened long before it arrives.
		back := at(8.5)
		if d%2 == 0 {
			back = at(19.5)
		}
		h.shift("worker 2", back, h.outing(sites[3]), h.spread(at(5), at(8), 3)...)
		for i, place := range sites {
			for n := range 1 + (d+i)%2 {
				who := fmt.Sprintf("staff %s %d", place.key, (d+n*2+i)%(staffPerSite-1))
				saw := at(10 + 3*float64(n) + float64(i))
				h.shift(who, saw.Add(time.Duration(5+h.by.IntN(150))*time.Minute), h.onDuty(place), saw)
			}
		}
		if d == 4 {
			h.add(at(16.3), h.refused)
		}
		for i, hours := range []float64{14.5, 22.5} {
			if h.early(at(hours)) {
				h.add(at(hours), h.triage(fmt.Sprintf("coordinator %d", i), nil))
			}
		}
		if d == 3 {
			h.add(at(23.5), h.disagree)
		}
	}
	h.newest()
	h.beside()
}

// beside is what the neighbours report: each night of two weeks, so that one
// whole week lies between two Mondays whenever the demo begins.
func (h *history) beside() {
	midnight := h.t.start.Truncate(day)
	for i := range neighbours {
		for d := 13; d >= 0; d-- {
			today := midnight.Add(-time.Duration(d) * day)
			for n := range neighbourly {
				from := today.Add(time.Duration(2+i) * time.Hour)
				h.shift(neighbour(i, access.Worker, n), from.Add(5*time.Hour), h.outing(beat(i)), h.spread(from, from.Add(4*time.Hour), 2)...)
			}
		}
	}
	ago := func(minutes int) time.Time { return h.t.start.Add(-time.Duration(minutes) * time.Minute) }
	h.add(ago(20), h.returning(neighbour(0, access.Worker, 0), h.outing(beat(0)), []urgency{review}, ago(45)))
}

// early tells whether a time of the plan leaves the quiet before the start.
func (h *history) early(at time.Time) bool { return at.Before(h.t.start.Add(-quiet)) }

// newest is what happened just before the first start, by people who are not
// in the plan of the days, so that no two of a phone's shifts overlap.
func (h *history) newest() {
	ago := func(minutes int) time.Time { return h.t.start.Add(-time.Duration(minutes) * time.Minute) }
	who := func(i int) string { return fmt.Sprintf("staff %s %d", sites[i].key, staffPerSite-1) }
	h.add(ago(140), h.returning(who(0), h.onDuty(sites[0]), []urgency{review}, ago(150)))
	h.add(ago(70), h.returning("worker 3", h.outing(sites[2]), []urgency{review, plain}, ago(110), ago(95)))
	h.add(ago(50), h.triage("coordinator 0", nil))
	h.add(ago(38), h.returning(who(2), h.onDuty(sites[2]), []urgency{pressing}, ago(40)))
	h.add(ago(33), h.triage("coordinator 1", func(f *filed) bool { return f.how == pressing }))
	h.add(ago(26), h.returning(who(1), h.onDuty(sites[1]), []urgency{plain}, ago(58)))
	h.add(ago(9), h.returning("worker 3", h.outing(sites[3]), []urgency{review, plain, review}, ago(60), ago(41), ago(22)))
	h.add(ago(2), func(ctx context.Context, at time.Time) error {
		last := h.outing(sites[3])(ago(6), plain)
		last.id = lastReport(h.s)
		return h.file(ctx, "worker 3", at, last)
	})
}

func (h *history) add(at time.Time, do func(ctx context.Context, at time.Time) error) {
	h.steps = append(h.steps, step{at, do})
}

// spread gives n times between two, each somewhere in its part.
func (h *history) spread(from, to time.Time, n int) []time.Time {
	part := to.Sub(from) / time.Duration(n)
	out := make([]time.Time, n)
	for i := range out {
		out[i] = from.Add(part*time.Duration(i) + time.Duration(h.by.Int64N(int64(part))))
	}
	return out
}

// shift plans that a phone saves a report at each of the times and is back in
// coverage at back.
func (h *history) shift(who string, back time.Time, make maker, at ...time.Time) {
	if !h.early(back) {
		return
	}
	how := []urgency{}
	for range at {
		how = append(how, h.by.howUrgent())
	}
	h.add(back, h.returning(who, make, how, at...))
}

func (h *history) returning(who string, make maker, how []urgency, saved ...time.Time) func(context.Context, time.Time) error {
	return func(ctx context.Context, back time.Time) error {
		var reports []report
		for i, at := range saved {
			reports = append(reports, make(at, how[i]))
		}
		return h.file(ctx, who, back, reports...)
	}
}
