package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// triageCommand is about the order in which reports are read. None of its
// commands prints more of a report than its id and the ids of items.
func triageCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "triage", Short: "The rules by which reports are put in order: show, dry-run, apply, duplicates"}
	root.AddCommand(triageShow(open), triageDryRun(open), triageApply(open), triageDuplicates(open))
	return root
}

// readRules reads a file of rules.
func readRules(name string) (*wiring.TriageRules, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fail(ExitUsage, err.Error(), "Give a file with rules of triage. Begin with what is in force: fieldpost triage show --json")
	}
	rules, err := wiring.ParseTriageRules(data)
	if err != nil {
		return nil, fail(ExitUsage, name+": "+err.Error(), "How to write rules: docs/CONTENT.md")
	}
	return rules, nil
}

func triageShow(open Open) *cobra.Command {
	c := &cobra.Command{Use: "show", Short: "Show the rules in force", Args: cobra.NoArgs}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print them as JSON, as a file to begin with")
	locale := c.Flags().String("locale", "en", "language of the words: en, es")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			rules, err := s.Store.TriageRules()
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "")
			}
			if *asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(rules)
			}
			var b strings.Builder
			fmt.Fprintf(&b, "%s version %d\n%s\n\n", rules.Key, rules.Version, wiring.TriageNotice(*locale))
			for _, r := range rules.Rules {
				fmt.Fprintf(&b, "%-9s  %-20s  %s\n", r.Urgency, r.Name, rules.Label(r.Name, *locale))
			}
			fmt.Fprintf(&b, "\nThe first that holds decides. Duplicates: within %d minutes. Late: after %d minutes.\n", rules.Duplicates.WithinMinutes, rules.Late.AfterMinutes)
			_, err = io.WriteString(c.OutOrStdout(), b.String())
			return err
		})
	}
	return c
}

func triageDryRun(open Open) *cobra.Command {
	c := &cobra.Command{Use: "dry-run RULES", Short: "Show what rules would change of the suggestions on the last reports; changes nothing", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	last := c.Flags().Int("last", 500, "on how many of the last reports")
	asJSON := c.Flags().Bool("json", false, "print one JSON object")
	c.RunE = func(c *cobra.Command, args []string) error {
		rules, err := readRules(args[0])
		if err != nil {
			return err
		}
		if *last < 1 {
			return fail(ExitUsage, "--last is below 1", "Give the number of reports to look at.")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			trial, err := s.Store.TryTriageRules(nil, rules, *last)
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "Nothing was changed.")
			}
			out := c.OutOrStdout()
			if *asJSON {
				return json.NewEncoder(out).Encode(struct {
					Rules  any    `json:"rules"`
					Notice string `json:"notice"`
					*wiring.TriageTrial
				}{rules.Name(), wiring.TriageNotice("en"), trial})
			}
			var b strings.Builder
			fmt.Fprintf(&b, "%s version %d on the last %d reports: %d would be read sooner or later than now.\n%s\n",
				rules.Key, rules.Version, trial.Looked, len(trial.Changes), wiring.TriageNotice("en"))
			if len(trial.Changes) > 0 {
				fmt.Fprintf(&b, "\n%-12s  %-15s  %-9s  %-9s  %-20s  %-20s  %s\n", "collection", "report", "from", "to", "from rule", "rule", "items")
			}
			for _, x := range trial.Changes {
				what := append(append([]string{}, x.Items...), x.Flags...)
				if x.Ungrouped {
					what = append(what, "(no groups in its checklist: each item counted as one)")
				}
				fmt.Fprintf(&b, "%-12s  %-15s  %-9s  %-9s  %-20s  %-20s  %s\n", x.Collection, x.Report, x.From, x.To, x.FromRule, x.Rule, strings.Join(what, " "))
			}
			if trial.Skipped > 0 {
				fmt.Fprintf(&b, "%d were left out: their checklist is not published here.\n", trial.Skipped)
			}
			b.WriteString("Nothing was changed. Take them for reports from now on: fieldpost triage apply " + args[0] + "\n")
			_, err = io.WriteString(out, b.String())
			return err
		})
	}
	return c
}

func triageApply(open Open) *cobra.Command {
	c := &cobra.Command{Use: "apply RULES", Short: "Put rules in force, for reports that are received from now on", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		rules, err := readRules(args[0])
		if err != nil {
			return err
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			before, err := s.ApplyTriageRules(rules)
			var f *fault.Fault
			switch {
			case errors.As(err, &f) && f.Code == fault.BadRequest:
				return fail(ExitUsage, f.Message, f.Hint)
			case err != nil:
				return fail(ExitUnexpected, err.Error(), "Nothing was changed.")
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "In force: %s version %d (before: %s version %d). Suggestions that were made stay as they are.\n%s\n",
				rules.Key, rules.Version, before.Key, before.Version, wiring.TriageNotice("en"))
			return err
		})
	}
	return c
}

func triageDuplicates(open Open) *cobra.Command {
	c := &cobra.Command{Use: "duplicates [REPORT]", Short: "List reports that may be about one thing; merges nothing", Args: cobra.MaximumNArgs(1)}
	dir := dirFlag(c)
	last := c.Flags().Int("last", 500, "among how many of the last reports, without REPORT")
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each report")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *last < 1 {
			return fail(ExitUsage, "--last is below 1", "Give the number of reports to look at.")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			views, err := alike(s, args, *last)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			for _, v := range views {
				if *asJSON {
					err = json.NewEncoder(out).Encode(v)
				} else {
					err = sayAlike(out, v)
				}
				if err != nil {
					return err
				}
			}
			if !*asJSON {
				_, err = fmt.Fprintf(out, "Candidates only: a coordinator decides. %s\n", wiring.TriageNotice("en"))
			}
			return err
		})
	}
	return c
}

// alike gives the views of one report, or of those of the last ones that have a
// candidate.
func alike(s *wiring.Services, args []string, last int) ([]*wiring.LikeView, error) {
	if len(args) == 0 {
		views, err := s.Store.AlikeAmong(last)
		if err != nil {
			return nil, fail(ExitUnexpected, err.Error(), "")
		}
		return views, nil
	}
	view, err := s.Store.Alike(nil, args[0])
	switch {
	case err != nil:
		return nil, fail(ExitUnexpected, err.Error(), "")
	case view == nil:
		return nil, fail(ExitUsage, "there is no report "+args[0], "Give the id of an observation or a submission.")
	}
	return []*wiring.LikeView{view}, nil
}

func sayAlike(out io.Writer, v *wiring.LikeView) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", v.Collection, v.ID)
	if words := v.Late.Words["en"]; words != "" {
		b.WriteString("  (" + words + ")")
	}
	b.WriteString("\n")
	for _, x := range v.Candidates {
		about := ""
		if x.About {
			about = "about "
		}
		fmt.Fprintf(&b, "  %s %s  %s%d min apart  same %s\n", x.Collection, x.ID, about, x.Minutes, strings.Join(x.Why, ", "))
	}
	if len(v.Candidates) == 0 {
		b.WriteString("  none\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
