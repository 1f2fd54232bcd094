// Package fault holds the errors that cross the wire: a permanent code, the
// HTTP status, a sentence that is safe to show, the next step for a person and
// what a program should do about it. The table below is the register: codes
// are never renamed or reused.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Code is a permanent error code of the protocol (SPEC, "Errors").
type Code string

// The codes of whole answers. A mutation's own refusal codes are in wire.
const (
	BadRequest          Code = "bad_request"
	UnsupportedProtocol Code = "unsupported_protocol"
	Unauthenticated     Code = "unauthenticated"
	TokenExpired        Code = "token_expired"
	WrongDevice         Code = "wrong_device"
	DeviceRevoked       Code = "device_revoked"
	BadSignature        Code = "bad_signature"
	NotAllowed          Code = "not_allowed"
	InviteInvalid       Code = "invite_invalid"
	InviteExpired       Code = "invite_expired"
	InviteUsed          Code = "invite_used"
	InviteEnded         Code = "invite_ended"
	ChallengeExpired    Code = "challenge_expired"
	NotFound            Code = "not_found"
	DeviceForked        Code = "device_forked"
	DeviceExists        Code = "device_exists"
	NotHeld             Code = "not_held"
	WipeWithdrawn       Code = "wipe_withdrawn"
	TooLarge            Code = "too_large"
	UpgradeRequired     Code = "upgrade_required"
	SlowDown            Code = "slow_down"
	Busy                Code = "busy"
	QuarantineFull      Code = "quarantine_full"
	WrongOffset         Code = "wrong_offset"
	TusVersion          Code = "tus_version"
	PhotoTooLarge       Code = "photo_too_large"
	WrongContentType    Code = "wrong_content_type"
	PhotoDiffers        Code = "photo_differs"
	PhotoHasMetadata    Code = "photo_has_metadata"
	NoRoom              Code = "no_room"
	Internal            Code = "internal"
)

// Retry tells a program what to do next.
type Retry string

// The retry answers: never (a person must act), renew (the token, then again),
// split (send less at once), later (after Retry-After).
const (
	Never Retry = "never"
	Renew Retry = "renew"
	Split Retry = "split"
	Later Retry = "later"
)

type kind struct {
	status int
	retry  Retry
	hint   string
}

// kinds is the one table from code to status, retry and next step.
var kinds = map[Code]kind{
	BadRequest:          {400, Never, "Update the app. What you saved is kept on this device."},
	UnsupportedProtocol: {400, Never, "Update the app. What you saved is kept on this device."},
	Unauthenticated:     {401, Never, "Enrol this device again with an invite."},
	TokenExpired:        {401, Renew, "The app renews its access by itself. Nothing is lost."},
	WrongDevice:         {403, Never, "This access belongs to another device. Enrol this device."},
	DeviceRevoked:       {403, Never, "This device was signed out by a coordinator. Ask your coordinator."},
	BadSignature:        {403, Never, "The device's key does not fit. Enrol this device again."},
	NotAllowed:          {403, Never, "Ask your coordinator for the role that this needs."},
	InviteInvalid:       {403, Never, "Check the code, or ask for a new invite."},
	InviteExpired:       {403, Never, "Ask for a new invite."},
	InviteUsed:          {403, Never, "Ask for a new invite."},
	InviteEnded:         {403, Never, "Ask for a new invite."},
	ChallengeExpired:    {403, Renew, "Ask for a new challenge and sign that."},
	NotFound:            {404, Never, "Check the address."},
	DeviceForked:        {409, Renew, "This device's store is a copy. Renew with a new device id; nothing is lost."},
	DeviceExists:        {409, Never, "Make a new device id and enrol with that."},
	NotHeld:             {409, Never, "Look at it again: somebody has dealt with it."},
	WipeWithdrawn:       {409, Never, "Nothing is to be wiped. Go on."},
	WrongOffset:         {409, Never, "Ask how far it is, and go on from there. Nothing is lost."},
	TusVersion:          {412, Never, "Speak version 1.0.0 of tus."},
	TooLarge:            {413, Split, "Send less at once."},
	PhotoTooLarge:       {413, Never, "Make the photo smaller. The report itself is not held up."},
	WrongContentType:    {415, Never, "Send it as application/offset+octet-stream."},
	PhotoDiffers:        {422, Never, "Send it once more from the start. The report itself is not held up."},
	PhotoHasMetadata:    {422, Never, "Make the photo anew, as the app does: a picture and nothing else."},
	UpgradeRequired:     {426, Never, "Update the app. What you saved can still be sent."},
	SlowDown:            {429, Later, "Wait a moment. Nothing is lost."},
	Busy:                {503, Later, "The server is busy. It is kept and sent again."},
	QuarantineFull:      {503, Later, "A coordinator must look at what waits. It is kept on this device."},
	NoRoom:              {507, Later, "An administrator must make room. The photo is kept on this device."},
	Internal:            {500, Later, "Something broke on the server. It is kept and sent again."},
}

// Codes lists every code with its status and retry, for the documents and
// their test.
func Codes() map[Code]struct {
	Status int
	Retry  Retry
} {
	all := map[Code]struct {
		Status int
		Retry  Retry
	}{}
	for c, k := range kinds {
		all[c] = struct {
			Status int
			Retry  Retry
		}{k.status, k.retry}
	}
	return all
}

// Fault is an error that may be shown: Message and Hint hold no personal data.
type Fault struct {
	Code       Code
	Status     int
	Message    string
	Hint       string
	Retry      Retry
	RetryAfter time.Duration  // 0: no Retry-After header
	Extra      map[string]any // further members of the body, such as limits
	cause      error
}

// New makes a fault of a code; message is a sentence for a person.
func New(code Code, message string) *Fault {
	k, ok := kinds[code]
	if !ok {
		k = kinds[Internal]
	}
	f := &Fault{Code: code, Status: k.status, Message: message, Hint: k.hint, Retry: k.retry}
	if k.retry == Later {
		f.RetryAfter = 5 * time.Second
	}
	return f
}

// Newf is New with a format.
func Newf(code Code, format string, args ...any) *Fault {
	return New(code, fmt.Sprintf(format, args...))
}

// Because keeps the cause for the log; it never reaches a client.
func (f *Fault) Because(err error) *Fault { f.cause = err; return f }

// WithHint replaces the next step.
func (f *Fault) WithHint(hint string) *Fault { f.Hint = hint; return f }

// With adds a member to the error body.
func (f *Fault) With(key string, value any) *Fault {
	if f.Extra == nil {
		f.Extra = map[string]any{}
	}
	f.Extra[key] = value
	return f
}

// Error is for logs; it includes the cause.
func (f *Fault) Error() string {
	if f.cause != nil {
		return fmt.Sprintf("%s: %s: %v", f.Code, f.Message, f.cause)
	}
	return fmt.Sprintf("%s: %s", f.Code, f.Message)
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.cause }

// Of finds the fault in an error; anything else becomes Internal with a text
// that tells nothing.
func Of(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return New(Internal, "The server could not do this.").Because(err)
}

// Is tells whether err carries the code.
func Is(err error, code Code) bool {
	var f *Fault
	return errors.As(err, &f) && f.Code == code
}

// Body is the error body of the protocol: PocketBase's three members, plus
// code, hint and retry.
func (f *Fault) Body() map[string]any {
	b := map[string]any{
		"status": f.Status, "message": f.Message, "data": map[string]any{},
		"code": string(f.Code), "hint": f.Hint, "retry": string(f.Retry),
	}
	for k, v := range f.Extra {
		b[k] = v
	}
	return b
}
