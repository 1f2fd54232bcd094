package exchange

import (
	"bytes"
	"slices"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// unseal opens the sealed mutations of a push, outside the writer: it costs a
// key agreement each. What does not open is refused and kept as it came.
func (s *Service) unseal(push *wire.Push) error {
	for i := range push.Mutations {
		m := &push.Mutations[i]
		stamp, _ := m.Whole["stamp"].(string)
		if err := s.openSealed(push.Device, m, stamp); err != nil {
			return err
		}
	}
	return nil
}

// openSealed opens one mutation if it is sealed and nothing is wrong with it
// yet. device and stamp are in clear, as the device had them when it sealed.
// What was sealed under the name that made the stamp opens too, if the device
// descends from that one: a locked vault cannot seal anew when its phone goes
// on under a new name (PUSH-3). A stranger's text is never opened: it would be
// kept, in clear, for who handed it in to read.
func (s *Service) openSealed(device string, m *wire.Received, stamp string) error {
	if m.Sealed == "" || m.Problem != nil {
		return nil
	}
	text, err := s.Key.OpenSealed(m.Sealed, wire.SealedAAD(device, m.N, stamp))
	if made, bad := hlc.Parse(stamp); err != nil && bad == nil && made.Device != device {
		d, failed := s.Store.FindDevice(device)
		if failed != nil {
			return failed
		}
		if d != nil && slices.Contains(d.Lineage, made.Device) {
			text, err = s.Key.OpenSealed(m.Sealed, wire.SealedAAD(made.Device, m.N, stamp))
		}
	}
	if err != nil {
		m.Problem = &wire.Problem{Code: wire.CodeInvalid, Message: "The sealed part does not open here."}
		return nil
	}
	m.Problem = m.Unseal(text)
	return nil
}

// macSize is the length of an HMAC in a receipt.
const macSize = 32

// content is what a receipt keeps of a mutation: the HMAC of its hash as it was
// sent (PUSH-3). Of one that was opened, the HMAC of {stamp, ops} follows: a
// device with a new id seals anew, and so does who writes a recovery file, and
// the sealed texts of one and the same mutation then differ.
func (s *Service) content(m *wire.Received) []byte {
	c := s.Key.Content(m.Content)
	if m.Opened != nil {
		c = append(c[:macSize:macSize], s.Key.Content(*m.Opened)...)
	}
	return c
}

// sameMutation tells whether two contents are those of one mutation, however
// each of them was sent.
func sameMutation(a, b []byte) bool {
	if len(a) < macSize || len(b) < macSize {
		return bytes.Equal(a, b)
	}
	return bytes.Equal(a[:macSize], b[:macSize]) || bytes.Equal(a[len(a)-macSize:], b[len(b)-macSize:])
}

// sameSent is the stricter test of PUSH-3 for one (device, n): two sealed texts
// are the same only letter by letter. A device keeps the text that it sealed,
// so another one shows a second store.
func sameSent(a, b []byte) bool {
	if len(a) > macSize && len(b) > macSize {
		return bytes.Equal(a[:macSize], b[:macSize])
	}
	return sameMutation(a, b)
}
