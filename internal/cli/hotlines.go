package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/checklist"
)

// cardWords are the words of a card beside its content, by language.
var cardWords = map[string]map[string]string{
	"en": {
		"happens": "What happens", "immigration": "Immigration", "number": "Number", "source": "Source", "text": "Text",
		checklist.NotVerified: "not yet verified", checklist.Verified: "verified on %s (days since: %d)",
		checklist.VerifiedLong: "AMBER: verified on %s (days since: %d); check it before you rely on it",
		"24/7":                 "day and night", "mon-fri ": "Monday to Friday ", "": "hours not known", "languages": "languages not known",
		"en": "English", "es": "Spanish", checklist.Interpreter: "others by interpreter",
	},
	"es": {
		"happens": "Qué pasa", "immigration": "Inmigración", "number": "Número", "source": "Fuente", "text": "Texto",
		checklist.NotVerified: "todavía sin verificar", checklist.Verified: "verificado el %s (días desde entonces: %d)",
		checklist.VerifiedLong: "ÁMBAR: verificado el %s (días desde entonces: %d); revíselo antes de confiar en él",
		"24/7":                 "día y noche", "mon-fri ": "lunes a viernes ", "": "horario no conocido", "languages": "idiomas no conocidos",
		"en": "inglés", "es": "español", checklist.Interpreter: "otros con intérprete",
	},
}

// contentHotlines prints call cards. It prints numbers and dials none (R24).
func contentHotlines() *cobra.Command {
	c := &cobra.Command{Use: "hotlines", Short: "Print the cards of the hotlines, 911 first; dials nothing", Args: cobra.NoArgs}
	place := c.Flags().String("place", "", "only what can be reached from there: "+strings.Join(checklist.Places, ", "))
	need := c.Flags().String("need", "", "only 911 and what helps with it: "+strings.Join(checklist.Needs, ", "))
	locale := c.Flags().String("locale", checklist.Languages[0], "language of the cards: "+strings.Join(checklist.Languages, ", "))
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each card, in all languages")
	c.RunE = func(c *cobra.Command, _ []string) error {
		for _, flag := range []struct {
			name, value string
			known       []string
		}{{"place", *place, append([]string{""}, checklist.Places...)}, {"need", *need, append([]string{""}, checklist.Needs...)}, {"locale", *locale, checklist.Languages}} {
			if !slices.Contains(flag.known, flag.value) {
				return fail(ExitUsage, fmt.Sprintf("there is no %s %q", flag.name, flag.value), "Give one of: "+strings.TrimPrefix(strings.Join(flag.known, ", "), ", "))
			}
		}
		lines, err := checklist.HotlinesIn(content.Files)
		if err != nil {
			return fail(ExitUnexpected, err.Error(), "See: fieldpost content lint")
		}
		sources, err := checklist.SourcesIn(content.Files)
		if err != nil {
			return fail(ExitUnexpected, err.Error(), "See: fieldpost content lint")
		}
		today := time.Now()
		for _, h := range checklist.CallCards(lines, *place, *need) {
			if !*asJSON {
				if err := sayCard(c.OutOrStdout(), h, sources, *locale, today); err != nil {
					return err
				}
				continue
			}
			state, days := h.Verification(today)
			err := json.NewEncoder(c.OutOrStdout()).Encode(struct {
				checklist.Hotline
				Verification string `json:"verification"`
				Days         int    `json:"verified_days_ago,omitempty"`
			}{h, state, days})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

// sayCard prints one line as a card.
func sayCard(out io.Writer, h checklist.Hotline, sources map[string]checklist.Source, locale string, today time.Time) error {
	words := cardWords[locale]
	var b strings.Builder
	name, review := h.Name(locale)
	fmt.Fprintf(&b, "%s\n", name)
	if h.Fresh != nil {
		text, _ := h.Fresh.In(locale)
		fmt.Fprintf(&b, "  ! %s\n", text)
	}
	for _, c := range h.Channels {
		hours := c.Hours
		if known, there := words[hours]; there {
			hours = known
		} else if rest, weekdays := strings.CutPrefix(hours, "mon-fri "); weekdays {
			hours = words["mon-fri "] + rest
		}
		var languages []string
		for _, code := range c.Languages {
			if known, there := words[code]; there {
				code = known
			}
			languages = append(languages, code)
		}
		if len(languages) == 0 {
			languages = []string{words["languages"]}
		}
		fmt.Fprintf(&b, "  %-4s  %s  (%s; %s)\n", c.Kind, c.Value, hours, strings.Join(languages, ", "))
		if c.Note != nil {
			text, _ := c.Note.In(locale)
			fmt.Fprintf(&b, "        %s\n", text)
		}
	}
	happens, _ := h.WhatHappens.In(locale)
	immigration, _ := h.Immigration.In(locale)
	fmt.Fprintf(&b, "  %s: %s\n  %s: %s\n", words["happens"], happens, words["immigration"], immigration)
	state, days := h.Verification(today)
	verified := words[state]
	if state != checklist.NotVerified {
		verified = fmt.Sprintf(verified, h.VerifiedOn, days)
	}
	fmt.Fprintf(&b, "  %s: %s\n", words["number"], verified)
	if review != "" {
		fmt.Fprintf(&b, "  %s: %s\n", words["text"], review)
	}
	for _, code := range h.Sources {
		fmt.Fprintf(&b, "  %s: %s, %s\n", words["source"], sources[code].Title, sources[code].Address)
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}
