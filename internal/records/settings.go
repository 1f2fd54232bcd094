package records

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// SettingsChoice is what an operator decides at the server's command line, and
// nobody in the dashboard.
type SettingsChoice struct {
	// Proxies are the headers in which a proxy before the server says where a
	// request comes from; nil leaves what the last start of a server chose.
	Proxies []string
	// NoLimits leaves the number of requests unlimited: for tests and
	// measurements, which ask more in a second than people do.
	NoLimits bool
}

// Rates are the most requests that one address may make, by route or kind of
// act. A whole operation may sit behind one address, so they stop floods and
// guessing, and no ballroom: what is beyond is told to wait, and loses nothing.
var rates = []core.RateLimitRule{
	{Label: "_superusers:auth", MaxRequests: 5, Duration: 60},
	{Label: "*:auth", MaxRequests: 30, Duration: 60},
	{Label: "*:create", MaxRequests: 300, Duration: 10},
	{Label: "/api/batch", MaxRequests: 60, Duration: 10},
	{Label: "/api/sync/enroll", MaxRequests: 600, Duration: 60},
	{Label: "/api/sync/challenge", MaxRequests: 1200, Duration: 60},
	{Label: "/api/sync/renew", MaxRequests: 1200, Duration: 60},
	{Label: "/api/", MaxRequests: 3000, Duration: 10},
}

// kept is a setting that has one value: by what the product requires, or by
// the operator's choice.
type kept struct {
	name string
	at   any // a pointer into the settings
	want any
}

func keptOf(s *core.Settings, choice SettingsChoice) []kept {
	all := []kept{
		// No address and no account in any log (R22), and nothing below a
		// notice, where PocketBase writes what it is asked.
		{"logs.logIP", &s.Logs.LogIP, false},
		{"logs.logAuthId", &s.Logs.LogAuthId, false},
		{"logs.minLevel", &s.Logs.MinLevel, 0},
		{"smtp.enabled", &s.SMTP.Enabled, false}, // no mail (R24)
		{"rateLimits.enabled", &s.RateLimits.Enabled, !choice.NoLimits},
		{"rateLimits.rules", &s.RateLimits.Rules, slices.Clone(rates)},
		{"rateLimits.excludedIPs", &s.RateLimits.ExcludedIPs, []string{}},
		{"batch.enabled", &s.Batch.Enabled, true}, // people's own scripts; devices push
		{"batch.maxRequests", &s.Batch.MaxRequests, 500},
		{"trustedProxy.useLeftmostIP", &s.TrustedProxy.UseLeftmostIP, false}, // the one that a client may write itself
	}
	if choice.Proxies != nil {
		all = append(all, kept{"trustedProxy.headers", &s.TrustedProxy.Headers, choice.Proxies})
	}
	return all
}

func (k kept) holds() bool {
	have := reflect.ValueOf(k.at).Elem()
	want := reflect.ValueOf(k.want)
	if have.Kind() == reflect.Slice && have.Len() == 0 && want.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(have.Interface(), k.want)
}

// SettingsDrift names the settings that are not as they have to be.
func SettingsDrift(s *core.Settings, choice SettingsChoice) []string {
	var names []string
	for _, k := range keptOf(s, choice) {
		if !k.holds() {
			names = append(names, k.name)
		}
	}
	return names
}

// ApplySettings gives the settings that have one value that value, and so
// undoes what anybody changed; and takes off the alerts for sign-ins from new
// places, which keep a fingerprint of each address (R22).
func ApplySettings(app core.App, choice SettingsChoice) error {
	settings, err := app.Settings().Clone()
	if err != nil {
		return fmt.Errorf("apply settings: %w", err)
	}
	if len(SettingsDrift(settings, choice)) > 0 {
		for _, k := range keptOf(settings, choice) {
			reflect.ValueOf(k.at).Elem().Set(reflect.ValueOf(k.want))
		}
		if err := app.Save(settings); err != nil {
			return fmt.Errorf("apply settings: %w", err)
		}
	}
	collections, err := app.FindAllCollections(core.CollectionTypeAuth)
	if err != nil {
		return fmt.Errorf("apply settings: %w", err)
	}
	for _, c := range collections {
		if !c.AuthAlert.Enabled {
			continue
		}
		c.AuthAlert.Enabled = false
		if err := app.Save(c); err != nil {
			return fmt.Errorf("apply settings: no alerts in %s: %w", c.Name, err)
		}
	}
	return nil
}
