package client

// State is how a report stands, in the only words that are shown (R4).
type State string

// The states of what a person saved. NeedsAttention is kept, and never counts
// as received.
const (
	SavedHere      State = "saved on this phone"
	IsWaiting      State = "waiting"
	Received       State = "received"
	Seen           State = "seen by a coordinator"
	NeedsAttention State = "needs attention"
)

// state is the word for a phase. What a person has corrected is still only on
// this phone; its copy has a state of its own.
func (p Phase) state(seen bool) State {
	switch p {
	case Waiting:
		return IsWaiting
	case Acknowledged, Settled:
		if seen {
			return Seen
		}
		return Received
	case Parked:
		return NeedsAttention
	}
	return SavedHere
}
