package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// table is the protocol's table of errors, written down a second time. Three more
// codes are the server's own: not_found, not_held and internal.
var table = map[Code]struct {
	status int
	retry  Retry
}{
	"bad_request": {400, "never"}, "unsupported_protocol": {400, "never"},
	"unauthenticated": {401, "never"}, "token_expired": {401, "renew"},
	"wrong_device": {403, "never"}, "device_revoked": {403, "never"}, "bad_signature": {403, "never"}, "not_allowed": {403, "never"},
	"invite_invalid": {403, "never"}, "invite_expired": {403, "never"}, "invite_used": {403, "never"}, "invite_ended": {403, "never"}, "challenge_expired": {403, "renew"},
	"not_found":     {404, "never"},
	"device_forked": {409, "renew"}, "device_exists": {409, "never"}, "not_held": {409, "never"}, "wipe_withdrawn": {409, "never"},
	"wrong_offset": {409, "never"}, "tus_version": {412, "never"}, "photo_too_large": {413, "never"}, "wrong_content_type": {415, "never"},
	"photo_differs": {422, "never"}, "photo_has_metadata": {422, "never"}, "no_room": {507, "later"},
	"too_large":        {413, "split"},
	"upgrade_required": {426, "never"},
	"slow_down":        {429, "later"},
	"internal":         {500, "later"},
	"busy":             {503, "later"}, "quarantine_full": {503, "later"},
}

func TestCodes(t *testing.T) {
	t.Run("[WIRE] every code has the status and the retry of the protocol's table", func(t *testing.T) {
		codes := Codes()
		for code, want := range table {
			f := New(code, "Something.")
			if f.Code != code || f.Status != want.status || f.Retry != want.retry {
				t.Errorf("%s: %d %s", code, f.Status, f.Retry)
			}
			if got, has := codes[code]; !has || got.Status != want.status || got.Retry != want.retry {
				t.Errorf("%s in Codes: %+v", code, got)
			}
		}
		if len(codes) != len(table) {
			t.Errorf("%d codes, %d in the table", len(codes), len(table))
		}
	})

	t.Run("[WIRE] every code has a next step that is a sentence", func(t *testing.T) {
		for code := range table {
			if hint := New(code, "x").Hint; !regexp.MustCompile(`^[A-Z].+\.$`).MatchString(hint) {
				t.Errorf("%s: %q", code, hint)
			}
		}
	})

	t.Run("[WIRE] what is to be tried later says when, and nothing else does", func(t *testing.T) {
		for code, want := range table {
			if after := New(code, "x").RetryAfter; (after > 0) != (want.retry == Later) {
				t.Errorf("%s: %v", code, after)
			}
		}
	})

	t.Run("[WIRE] a code that is not in the table is an internal fault, not a success", func(t *testing.T) {
		if f := New("unheard_of", "x"); f.Status != 500 || f.Retry != Later || f.Hint == "" {
			t.Errorf("%+v", f)
		}
	})
}

func TestBody(t *testing.T) {
	t.Run("[WIRE] a body has PocketBase's members, and code, hint and retry", func(t *testing.T) {
		body := New(TooLarge, "Too much at once.").With("limits", map[string]any{"mutations": 5}).Body()
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"status": 413.0, "message": "Too much at once.", "data": map[string]any{}, "code": "too_large",
			"hint": "Send less at once.", "retry": "split", "limits": map[string]any{"mutations": 5.0}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v", got)
		}
	})

	t.Run("[WIRE] the cause is for the log and never in the body", func(t *testing.T) {
		cause := errors.New("password is hunter2")
		for _, f := range []*Fault{New(Busy, "Later.").Because(cause), Of(cause), Of(fmt.Errorf("write: %w", cause))} {
			raw, err := json.Marshal(f.Body())
			if err != nil || strings.Contains(string(raw), "hunter2") {
				t.Errorf("%s %v", raw, err)
			}
			if !strings.Contains(f.Error(), "hunter2") || !errors.Is(f, cause) {
				t.Errorf("the log does not have it: %v", f)
			}
		}
	})
}

func TestOf(t *testing.T) {
	t.Run("[WIRE] a fault is found inside other errors, and anything else is internal", func(t *testing.T) {
		inner := New(Busy, "Later.").WithHint("Wait.")
		if f := Of(fmt.Errorf("push: %w", inner)); f != inner || f.Hint != "Wait." {
			t.Errorf("%+v", f)
		}
		if f := Of(errors.New("disk")); f.Code != Internal || f.Status != 500 {
			t.Errorf("%+v", f)
		}
		if !Is(fmt.Errorf("push: %w", inner), Busy) || Is(inner, TooLarge) || Is(nil, Busy) || Is(errors.New("x"), Internal) {
			t.Error("Is")
		}
	})

	t.Run("[WIRE] a fault can be given details without touching the table", func(t *testing.T) {
		f := Newf(BadRequest, "`%s` is missing.", "device")
		f.With("a", 1).WithHint("x").RetryAfter = time.Minute
		if again := New(BadRequest, "y"); again.Hint == "x" || again.Extra != nil || again.RetryAfter != 0 || f.Message != "`device` is missing." {
			t.Errorf("%+v", again)
		}
	})
}
