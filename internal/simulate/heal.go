package simulate

import "time"

// heal ends all trouble: the network is good, clocks are right, disks have
// room, what has died runs again. Then everybody syncs until nothing moves.
func (r *run) heal() error {
	r.at = len(r.script.Steps)
	if err := r.standing(); err != nil {
		return err
	}
	r.fill(-1, false)
	if err := r.calm(); err != nil {
		return err
	}
	for _, p := range r.living() {
		p.skew = 0
		r.fill(p.i, false)
		if err := p.fallen(); err != nil {
			return err
		}
	}
	r.pass(time.Hour)
	r.haunt()
	for round := range maxRounds {
		busy, err := r.round()
		if err != nil {
			return err
		}
		r.note("round %d: %d phones have something to do", round, busy)
		if busy == 0 {
			break
		}
		if round == 3 {
			// What waits for something that will never come is refused after
			// thirty days (PUSH-7).
			r.pass(31 * 24 * time.Hour)
		}
	}
	return nil
}

// maxRounds bounds how often everybody has to sync until all is quiet (INV-4).
const maxRounds = 8

// round lets everybody sync once, and counts who is not done.
func (r *run) round() (busy int, err error) {
	before, err := r.server.head()
	if err != nil {
		return 0, err
	}
	for _, p := range r.living() {
		if p.head != 0 && p.head == r.headNow() {
			continue // nothing of its own and nothing new
		}
		if err := r.clean(p); err != nil {
			return 0, err
		}
		if p.person == "" && p.err != nil {
			p.head = r.headNow() // and says so: checkNewcomers looks at whether it may
			continue
		}
		if p.d == nil || p.err != nil && !p.shut() {
			busy++
			continue
		}
		st, err := p.d.Status()
		if err != nil {
			return 0, err
		}
		if st.Waiting > 0 && !p.shut() {
			busy++
			continue
		}
		p.head = r.headNow()
	}
	after, err := r.server.head()
	if err == nil && after != before {
		busy++
	}
	return busy, err
}

// headNow is the newest seq, 0 when there is no telling.
func (r *run) headNow() int64 {
	head, err := r.server.head()
	if err != nil {
		return 0
	}
	return head
}

// shut tells that the server does not let the phone in, which is no fault.
func (p *phone) shut() bool { return p.revoked }
