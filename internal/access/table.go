package access

import "github.com/fieldpost/fieldpost/internal/merge"

// Collection is one row of the access table.
type Collection struct {
	Name   string
	List   Rule // of list and view, and so of pull
	Create Rule
	Update Rule
	Delete Rule
	// Repair is who may release or adopt what a record of this collection keeps
	// (PUSH-6). It is no rule of PocketBase's: no request writes such a record.
	Repair Rule
	// Manage is who may revoke and wipe such a device, offboard such a person,
	// write such a draft, or say that such a line was verified. No rule of PocketBase's either: it is asked by the endpoints.
	Manage Rule
	// Adopt is who may make a record here out of another person's refused
	// mutation, beside those who may create one anyway.
	Adopt Rule
	// Fields names every field with its policy (MERGE-4). What is not here is
	// not understood by this schema.
	Fields map[string]merge.Policy
	// AdminOnly are fields that only admins may send, whatever their policy.
	AdminOnly []string
	// Audience gives the scopes of a record; see Scopes for a person's.
	Audience func(record Values) []string
}

const (
	latest = merge.Latest
	first  = merge.First
	once   = merge.Once
	server = merge.Server
)

func fields(policy merge.Policy, names ...string) map[string]merge.Policy {
	m := map[string]merge.Policy{}
	for _, n := range names {
		m[n] = policy
	}
	return m
}

func with(m map[string]merge.Policy, policy merge.Policy, names ...string) map[string]merge.Policy {
	for _, n := range names {
		m[n] = policy
	}
	return m
}

// reportFields are the fields common to observations and submissions, all
// fixed at creation.
func reportFields(own ...string) map[string]merge.Policy {
	m := fields(once, "event_time", "site", "grid", "point", "event_end", "people", "persons", "vehicles",
		"outreach", "note", "operation", "minor_possible", "manager_involved")
	with(m, once, own...)
	return with(m, server, "organization", "received", "clock_off", "author")
}

// reportServer are the fields of a report that the server sets.
var reportServer = notSent{"organization", "received", "clock_off", "author"}

var (
	anyone    = roleIs(Roles)
	orgCoord  = allOf{roleIs{Coordinator}, personField{"organization", "organization"}}
	ownAuthor = allOf{roleIs{Worker}, personField{"author", "id"}}
	isAdmin   = roleIs{Admin}
	// A coordinator of any organization who is on the report's operation now.
	opCoord      = allOf{roleIs{Coordinator}, onOperation{"operation"}}
	triageServer = notSent{"observation", "submission", "suggested", "fired", "organization", "operation"}
)

// Table is the living access table: every collection of the product, and who
// may see and do what in it. A collection that is not here fails a test.
var Table = map[string]Collection{
	"organizations": {
		Name:   "organizations",
		List:   anyOf{isAdmin, allOf{anyone, personField{"id", "organization"}}},
		Create: isAdmin, Update: isAdmin,
		Fields: with(fields(latest, "name", "type", "type_text"), merge.Set, "allows"),
		Audience: func(r Values) []string {
			return []string{"o:" + r.text("id"), "a"}
		},
	},
	"users": {
		Name: "users",
		List: anyOf{
			allOf{anyone, personField{"id", "id"}},
			isAdmin,
			// Staff are known to who serves their site, never to the site's
			// owner (R8).
			allOf{orgCoord, isNot{"role", string(Staff)}},
			allOf{roleIs{Coordinator}, inList{"served_by"}},
		},
		// Offboard. Admins are offboarded by admins.
		Manage: anyOf{
			isAdmin,
			allOf{orgCoord, isNot{"role", string(Staff)}, isNot{"role", string(Admin)}},
			allOf{roleIs{Coordinator}, inList{"served_by"}},
		},
		Fields: fields(server, "role", "organization", "sites", "served_by", "label", "locale", "unconfirmed", "operations", "operation_sites", "email", "emailVisibility", "verified", "left"),
		Audience: func(r Values) []string {
			scopes := []string{"p:" + r.text("id"), "a"}
			if r.text("role") != string(Staff) {
				scopes = append(scopes, "c:"+r.text("organization"))
			}
			for _, o := range r.list("served_by") {
				scopes = append(scopes, "c:"+o)
			}
			return scopes
		},
	},
	"sites": {
		Name: "sites",
		List: anyOf{
			isAdmin,
			allOf{roleIs{Worker, Coordinator}, personField{"served_by", "organization"}},
			allOf{roleIs{Staff, Manager}, ownSite{}},
			allOf{roleIs{Coordinator, LawEnforcement}, operationSite{}},
		},
		Create: anyOf{isAdmin, allOf{roleIs{Coordinator}, notSent{"owner", "served_by"}}},
		Update: anyOf{isAdmin, allOf{roleIs{Coordinator}, personField{"served_by", "organization"}, notSent{"owner", "served_by"}}},
		Delete: anyOf{isAdmin, allOf{roleIs{Coordinator}, personField{"served_by", "organization"}}},
		Fields: fields(latest, "name", "venue", "industry", "address", "point", "notes", "owner", "served_by"),
		AdminOnly: []string{
			"owner", "served_by",
		},
		Audience: func(r Values) []string {
			scopes := []string{"s:" + r.text("id"), "os:" + r.text("id"), "a"}
			if o := r.text("served_by"); o != "" {
				scopes = append(scopes, "w:"+o, "c:"+o)
			}
			return scopes
		},
	},
	"checklists": {
		Name:     "checklists",
		List:     allOf{anyone, flag{"published"}},
		Fields:   fields(server, "key", "version", "locale", "title", "items", "published"),
		Audience: func(Values) []string { return []string{"all"} },
	},
	// An organization's own checklists before they are in force. Only the
	// endpoints write them: what is published never changes.
	"checklist_drafts": {
		Name:     "checklist_drafts",
		List:     anyOf{isAdmin, orgCoord},
		Manage:   anyOf{isAdmin, orgCoord},
		Fields:   fields(server, "organization", "key", "version", "title", "form", "revision", "state", "changed_by", "changed"),
		Audience: func(r Values) []string { return append(coordinatorAudience(r), "a") },
	},
	"hotlines": contentRow("hotlines", anyone, "verified_on"),
	"guidance": contentRow("guidance", anyone),
	// Who makes sites, and who hands something on.
	"venues":               contentRow("venues", roleIs{Worker, Coordinator, Admin}),
	"industries":           contentRow("industries", roleIs{Worker, Coordinator, Admin}),
	"routing_profiles":     contentRow("routing_profiles", roleIs{Coordinator, Admin}),
	"published_statistics": contentRow("published_statistics", roleIs{Coordinator, Admin}),
	"observations": {
		Name:     "observations",
		List:     anyOf{ownAuthor, orgCoord, opCoord},
		Create:   allOf{roleIs{Worker}, reportServer},
		Adopt:    roleIs{Coordinator},
		Fields:   reportFields("indicators"),
		Audience: func(r Values) []string { return operationAudience(r, reportAudience(r)) },
	},
	"submissions": {
		Name:     "submissions",
		List:     anyOf{ownAuthor, orgCoord, opCoord},
		Create:   allOf{roleIs{Worker, Staff}, reportServer, notSent{"unconfirmed"}},
		Adopt:    roleIs{Coordinator},
		Fields:   with(reportFields("checklist", "version", "answers", "basis", "about"), server, "unconfirmed"),
		Audience: func(r Values) []string { return operationAudience(r, reportAudience(r)) },
	},
	"addenda": {
		Name:     "addenda",
		List:     anyOf{ownAuthor, orgCoord, opCoord},
		Create:   allOf{roleIs{Worker, Staff, Coordinator}, notSent{"organization", "author", "operation"}},
		Fields:   with(fields(once, "observation", "submission", "text", "event_time"), server, "organization", "author", "operation"),
		Audience: func(r Values) []string { return operationAudience(r, reportAudience(r)) },
	},
	"triage": {
		Name:   "triage",
		List:   anyOf{orgCoord, opCoord},
		Update: allOf{anyOf{orgCoord, opCoord}, triageServer},
		Fields: with(with(fields(latest, "urgency", "status", "closing_reason", "note", "opened"), first, "claimed_by", "assignee"),
			server, "observation", "submission", "suggested", "fired", "organization", "operation"),
		Audience: func(r Values) []string { return operationAudience(r, coordinatorAudience(r)) },
	},
	"conflicts": {
		Name: "conflicts",
		List: orgCoord,
		// A coordinator settles one by changing the record itself and marking it
		// here; no other field of it may change.
		Update:   allOf{orgCoord, notSent{"collection", "record", "field", "kept", "other", "organization"}},
		Fields:   with(fields(server, "collection", "record", "field", "kept", "other", "organization"), latest, "resolved"),
		Audience: coordinatorAudience,
	},
	"quarantine": {
		Name:     "quarantine",
		List:     anyOf{ownAuthor, orgCoord},
		Repair:   orgCoord,
		Fields:   fields(server, "collection", "record", "code", "message", "mutation", "state", "repair", "organization", "author"),
		Audience: reportAudience,
	},
	"devices": {
		Name: "devices",
		List: anyOf{
			allOf{anyone, personField{"user", "id"}},
			isAdmin,
			orgCoord,
		},
		// Revoke, wipe. Of staff those who serve their site: the organization of
		// the record says who that is.
		Manage: anyOf{isAdmin, orgCoord},
		Fields: fields(server, "user", "organization", "name", "platform", "key", "thumbprint", "parent", "invite", "enrolled", "revoked", "wipe"),
		Audience: func(r Values) []string {
			return []string{"p:" + r.text("user"), "a", "c:" + r.text("organization")}
		},
	},
	// A call or form that a person made about a report. Who may add to a report
	// may note one; coordinators correct it, and nobody takes it out again.
	"tips": {
		Name:   "tips",
		List:   anyOf{ownAuthor, orgCoord},
		Create: allOf{roleIs{Worker, Staff, Coordinator}, notSent{"earlier", "organization", "author"}},
		Update: allOf{orgCoord, notSent{"observation", "submission", "earlier", "organization", "author"}},
		Fields: with(with(fields(once, "observation", "submission"), latest, "channel", "line", "at", "reference"),
			server, "earlier", "organization", "author"),
		Audience: reportAudience,
	},
	// A photo of a place or vehicle: with its report, for whoever may see that
	// (R13). A coordinator takes out one that should not be there.
	"attachments": {
		Name:   "attachments",
		List:   anyOf{ownAuthor, orgCoord},
		Create: allOf{roleIs{Worker, Staff}, notSent{"stored", "organization", "author"}},
		Delete: orgCoord,
		Fields: with(fields(once, "observation", "submission", "kind", "type", "bytes", "sha256", "raw_sha256"),
			server, "stored", "organization", "author"),
		Audience: reportAudience,
	},
	// Which rules put reports in order. Nothing in them is about a report.
	"triage_rules": {
		Name:     "triage_rules",
		List:     roleIs{Coordinator, Admin},
		Fields:   fields(server, "key", "version", "rules", "turn", "applied"),
		Audience: func(Values) []string { return []string{"all"} },
	},
	// Append-only (R16): only the server writes it, in Go, with records.Audit.
	"audit": {
		Name: "audit",
		List: anyOf{isAdmin, orgCoord},
		Fields: fields(server, "number", "before", "own", "own_before", "at", "act", "actor", "organization", "collection",
			"record", "reason", "detail"),
		Audience: func(r Values) []string { return append(coordinatorAudience(r), "a") },
	},
	// What somebody says is lost: made by the server on their word, for a
	// coordinator who revokes what it was and marks it here.
	"lost_devices": {
		Name:   "lost_devices",
		List:   anyOf{isAdmin, orgCoord},
		Update: allOf{orgCoord, notSent{"organization", "site", "what", "note", "asked_by", "asked"}},
		Fields: with(fields(server, "organization", "site", "what", "note", "asked_by", "asked"), latest, "resolved"),
		Audience: func(r Values) []string {
			return append(coordinatorAudience(r), "a")
		},
	},
	// Who had the author of a staff report made known, and why (R9): every
	// coordinator of the organization is told. Only the server writes it.
	"seals": {
		Name:     "seals",
		List:     orgCoord,
		Fields:   fields(server, "submission", "organization", "by", "reason", "at"),
		Audience: coordinatorAudience,
	},
	// When somebody is on duty and whom to wake (R23). Who is not to see the
	// addresses is told by GET /api/fieldpost/duty that somebody is there.
	"duty_hours": {
		Name:     "duty_hours",
		List:     anyOf{isAdmin, orgCoord},
		Create:   allOf{roleIs{Coordinator}, notSent{"organization"}},
		Update:   allOf{anyOf{isAdmin, orgCoord}, notSent{"organization"}},
		Fields:   with(fields(latest, "zone", "hours", "exceptions", "mail", "second"), server, "organization"),
		Audience: func(r Values) []string { return append(coordinatorAudience(r), "a") },
	},
	// Which list was alerted when of an emergency that nobody had opened: made by
	// the server.
	"duty_alerts": {
		Name:     "duty_alerts",
		List:     orgCoord,
		Fields:   fields(server, "organization", "triage", "list", "state", "people", "at"),
		Audience: coordinatorAudience,
	},
	// How ready a site is: posters and training, for its managers and for who
	// serves it. Nobody is named in it, and no report is near it (R8).
	"site_readiness": {
		Name:   "site_readiness",
		List:   anyOf{isAdmin, orgCoord, allOf{roleIs{Manager}, siteOf{"site"}}},
		Create: allOf{roleIs{Coordinator}, notSent{"organization"}},
		Update: allOf{orgCoord, notSent{"site", "organization"}},
		Fields: with(with(fields(latest, "poster_on", "posters", "trained_on", "trained", "next_training"), once, "site"), server, "organization"),
		Audience: func(r Values) []string {
			return append(coordinatorAudience(r), "m:"+r.text("site"), "a")
		},
	},
	// A joint effort of several organizations, for a time. Who is on it sees it
	// while it lasts, and not a second longer.
	"operations": {
		Name: "operations",
		List: anyOf{isAdmin, orgCoord, allOf{roleIs{Coordinator}, inList{"organizations"}},
			allOf{roleIs{Worker, Coordinator, LawEnforcement, Provider}, onOperation{"id"}}},
		Create: allOf{roleIs{Coordinator}, notSent{"organization"}},
		Update: allOf{orgCoord, notSent{"organization"}},
		Fields: with(fields(latest, "name", "begins", "ends", "sites", "organizations"), server, "organization"),
		Audience: func(r Values) []string {
			scopes := append(coordinatorAudience(r), "a", "op:"+r.text("id"))
			for _, o := range r.list("organizations") {
				scopes = append(scopes, "c:"+o)
			}
			return scopes
		},
	},
	// Who is on an operation, as what.
	"rosters": {
		Name: "rosters",
		List: anyOf{isAdmin, orgCoord, allOf{roleIs{Coordinator}, personField{"home", "organization"}},
			allOf{roleIs{Worker, Coordinator, LawEnforcement, Provider}, personField{"person", "id"}, onOperation{"operation"}}},
		Create: allOf{roleIs{Coordinator}, notSent{"home", "organization"}},
		Delete: anyOf{orgCoord, allOf{roleIs{Coordinator}, personField{"home", "organization"}}},
		Fields: with(fields(once, "operation", "person", "role"), server, "home", "organization"),
		Audience: func(r Values) []string {
			return append(coordinatorAudience(r), "a", "c:"+r.text("home"), "p:"+r.text("person"))
		},
	},
	"invites": {
		Name: "invites",
		// Who looks after it: of staff those who serve their site (R8). Who may
		// make one is in invite.go.
		List:   anyOf{isAdmin, allOf{roleIs{Coordinator}, personField{"keeper", "organization"}}},
		Fields: fields(server, "code", "role", "organization", "sites", "uses", "used", "expires", "made_by", "keeper", "ended", "poster"),
		Audience: func(r Values) []string {
			return []string{"a", "c:" + r.text("keeper")}
		},
	},
}

// reportAudience is that of what a person wrote: the author, when there is
// one in clear, and the coordinators of the organization.
func reportAudience(r Values) []string {
	scopes := coordinatorAudience(r)
	if a := r.text("author"); a != "" {
		scopes = append(scopes, "p:"+a)
	}
	return scopes
}

// operationAudience adds the coordinators who are on a report's operation.
func operationAudience(r Values, scopes []string) []string {
	if o := r.text("operation"); o != "" {
		scopes = append(scopes, "oc:"+o)
	}
	return scopes
}

func coordinatorAudience(r Values) []string {
	if o := r.text("organization"); o != "" {
		return []string{"c:" + o}
	}
	return nil
}

// Scopes are the scopes that a person reads: the feed of each holds what may
// be for them. The collection's List rule decides what is.
func Scopes(p Person) []string {
	scopes := []string{"all", "p:" + p.ID}
	if p.Organization != "" {
		scopes = append(scopes, "o:"+p.Organization)
	}
	switch p.Role {
	case Worker:
		scopes = append(scopes, "w:"+p.Organization)
	case Staff, Manager:
		for _, s := range p.Sites {
			scopes = append(scopes, "s:"+s)
			if p.Role == Manager {
				scopes = append(scopes, "m:"+s)
			}
		}
	case Coordinator:
		scopes = append(scopes, "c:"+p.Organization)
	case Admin:
		scopes = append(scopes, "a")
	}
	for _, o := range p.Operations {
		scopes = append(scopes, "op:"+o)
		if p.Role == Coordinator {
			scopes = append(scopes, "oc:"+o)
		}
	}
	for _, s := range p.OperationSites {
		scopes = append(scopes, "os:"+s)
	}
	return scopes
}

// SyncsReports tells whether pokes and long polls are for the role: managers
// have no sync of reports (LIVE-2).
func SyncsReports(r Role) bool { return r != Manager }

// Reports are the collections that people write what they saw to.
var Reports = []string{"observations", "submissions"}

// IsReport tells whether a collection holds reports.
func IsReport(collection string) bool {
	return collection == "observations" || collection == "submissions"
}
