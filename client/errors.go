package client

import (
	"errors"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// The kinds of failure. Test with errors.Is; the *Error that wraps one gives
// code, message and hint. None of them ever costs a saved mutation.
var (
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("the store is open in another process")
	// ErrStore: the store file is damaged, not a device store, or of a newer program.
	ErrStore = errors.New("the store cannot be used")
	// ErrDisk: the disk is full, or the store cannot be written. What was saved before is whole.
	ErrDisk = errors.New("the store cannot be written")
	// ErrInput: what was asked for is not possible; nothing was saved.
	ErrInput = errors.New("bad input")
	// ErrNotEnrolled: the device has no person yet.
	ErrNotEnrolled = errors.New("the device is not enrolled")
	// ErrOffline: no answer came.
	ErrOffline = errors.New("no answer from the server")
	// ErrNotFieldpost: somebody answered who is not the server (DEV-7); it counts as no answer.
	ErrNotFieldpost = errors.New("the answer is not a Fieldpost server's")
	// ErrLater: the server asks to wait, or has a fault of its own.
	ErrLater = errors.New("the server cannot take it now")
	// ErrWiped: the device has handed everything in and wiped itself, as it was
	// ordered to. There is no store any more.
	ErrWiped = errors.New("the device was wiped")
	// ErrRefused: the server refuses this device, invite or token; a person must act.
	ErrRefused = errors.New("the server refuses")
)

// Error is what this package fails with. Message and Hint are sentences for a
// person and hold no personal data; Code never changes its meaning.
type Error struct {
	Kind       error // one of the Err variables
	Code       string
	Message    string
	Hint       string
	RetryAfter time.Duration // with ErrLater: how long the server asks to wait
	cause      error

	status int          // HTTP status, 0 when no answer came
	limits *wire.Limits // with too_large
	begun  bool         // an answer had begun, and was cut
}

// Error gives code and message, and the cause for a log.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code + ": " + e.Message + ": " + e.cause.Error()
	}
	return e.Code + ": " + e.Message
}

// Is lets errors.Is find the kind.
func (e *Error) Is(target error) bool { return e.Kind == target }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Explain gives the *Error in err. Anything else becomes one with the code
// "internal": a fault of this program.
func Explain(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: err, Code: "internal", Message: "Something broke in this program.",
		Hint: "What you saved is kept on this device.", cause: err}
}

func badInput(code, message, hint string) *Error {
	return &Error{Kind: ErrInput, Code: code, Message: message, Hint: hint}
}

func notOurs(message string, status int, cause error) *Error {
	return &Error{Kind: ErrNotFieldpost, Code: "not_fieldpost", Message: message,
		Hint:   "Check the address, and sign in to the wifi if it asks for that. Everything is kept on this device.",
		status: status, cause: cause}
}

func offline(cause error) *Error {
	return &Error{Kind: ErrOffline, Code: "no_server", Message: "No answer from the server.",
		Hint: "Everything is kept on this device. Try again when there is a connection.", cause: cause}
}

func hasCode(err error, code fault.Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == string(code)
}
