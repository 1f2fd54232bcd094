// Package signin is the page on which people sign in: plain files, served as
// they are. The board has its own look at the same endpoints.
package signin

import "embed"

// Files are the page and what it loads.
//
//go:embed signin.html signin.css signin.js words.js
var Files embed.FS
