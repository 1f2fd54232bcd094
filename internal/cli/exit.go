package cli

// The exit codes of every command; scripts may rely on them.
const (
	ExitOK         = 0 // done
	ExitUnexpected = 1 // something broke
	ExitUsage      = 2 // a flag, an argument or an input is wrong
	ExitNetwork    = 3 // no server, or the address is taken
	ExitRefused    = 4 // the server refused: invite, access
	ExitLocked     = 5 // folder or store is in use by another process
	ExitForeign    = 6 // what answered is no Fieldpost server
	ExitAttention  = 7 // something needs a person: parked items, a broken chain, a lost database
	ExitUnwritable = 8 // the disk is full, may not be written, or a file on it is damaged
)

// Exit is an error with an exit code and the next step.
type Exit struct {
	Code    int
	Message string
	Hint    string
	Printed bool // the command has said it already
}

func (e *Exit) Error() string { return e.Message }

func fail(code int, message, hint string) *Exit {
	return &Exit{Code: code, Message: message, Hint: hint}
}
