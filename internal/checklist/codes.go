package checklist

// Codes are what a form may be found to be (Fault.Code). They are permanent: a
// screen has words for each of them, in each of its languages.
var Codes = []string{
	// Its shape.
	"unreadable", "format", "key", "version", "title_missing", "type", "name", "name_twice", "label_missing", "weight", "form", "review_word",
	"items_missing", "group_name", "group_inside", "group_missing", "group_not_begun", "group_not_ended", "group_end_more",
	"choice_list", "choice_label", "choices",
	// What it asks before it shows an item. Args begin with the member.
	"condition_place", "condition_before", "condition_own",
	// And, after the member, with the character.
	"condition_long", "condition_text", "condition_unexpected", "condition_open_text", "condition_name", "condition_unknown", "condition_two",
	"condition_value", "condition_function", "condition_open", "condition_values", "condition_deep", "condition_close",
	// What every form of ours has.
	"venue_missing", "seen_by_missing", "read_aloud_missing", "hint_missing", "noticed_by_missing", "icon_missing", "icon_unknown",
	"source_missing", "source_unknown", "review_state", "word_refused", "word_origin", "sentence_hard", "form_hard",
	// The order of its items, and those of the core.
	"numbering", "core_order", "core_many", "core_unknown", "core_words", "core_fields",
}
