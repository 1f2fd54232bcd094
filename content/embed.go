// Package content carries what is shipped with the binary: checklists, what of
// the core each of them leaves out, hotlines, guidance, and the sources that
// all of them cite.
//
// A file once released never changes: a new wording is a new version in a file
// of its own, so that an old submission still shows the words its author saw.
package content

import "embed"

// Files holds
//
//   - checklists/*.json: one version of one checklist in one language each, in
//     the shape that internal/checklist reads;
//   - left_out.json: per setting, the items of the core that its checklist does
//     not show, and why;
//   - forms/*.v*.json: one version of one checklist in all its languages, in the
//     shape of forms/schema.json; docs/CONTENT.md tells how to write one;
//   - left_out/*.json: what left_out.json is, for the forms;
//   - icons/*.svg: what the forms' icons are;
//   - hotlines/*.json: the lines somebody may call, with what happens there;
//   - guidance/*.json: short texts for the worker: what to do and not, the note
//     on bias, after a hard report, help for oneself;
//   - triage/rules.v*.json: the rules by which reports are put in order, in the
//     shape of triage/schema.json, with triage/released.json, which holds them to
//     what they were when they were released;
//   - packs/<pack>/*.json: what is for one place alone: kinds of place, industries,
//     who outside takes what, numbers that others published; packs/schema.json;
//   - words.json: what no text of ours says;
//   - sources.json: what stands behind the codes in "sources".
//
//go:embed checklists/*.json left_out.json forms/*.json left_out/*.json icons/* hotlines/*.json guidance/*.json triage/*.json packs/schema.json packs/*/*.json words.json sources.json
var Files embed.FS
