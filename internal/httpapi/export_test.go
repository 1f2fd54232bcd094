package httpapi

import "time"

// Decoding are the places of the pushes that are decoded.
var Decoding = decoding

// StockDoors are PocketBase's routes with their doors.
var StockDoors = stockDoors

// SetDecodeWait changes how long a push waits for a place.
func SetDecodeWait(d time.Duration) { decodeWait = d }

// Exporting are the places of the files that are being written.
var Exporting = exporting
