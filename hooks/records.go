package hooks

import (
	"errors"
	"net/http"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindRequests tells the writer of a request over REST, batch or dashboard.
func bindRequests(app core.App, s *wiring.Services) {
	names := wiring.Collections()
	writer := func(e *core.RecordRequestEvent) error {
		records.Attach(e.Record, s.Store.RestWriter(e.Auth))
		return e.Next()
	}
	app.OnRecordCreateRequest(names...).BindFunc(writer)
	app.OnRecordUpdateRequest(names...).BindFunc(writer)
	// A client may say that a report was opened and leave the time to the
	// server, as in a push; the field's type alone reads `true` as no time.
	app.OnRecordUpdateRequest("triage").BindFunc(func(e *core.RecordRequestEvent) error {
		var sent struct {
			Opened any `json:"opened" form:"opened"`
		}
		// PocketBase has read this body already; what it could not read it
		// has refused.
		if err := e.BindBody(&sent); err != nil {
			return e.BadRequestError("The request can't be read.", err)
		}
		if sent.Opened == true {
			e.Record.Set("opened", s.Store.Now().UTC())
		}
		return e.Next()
	})
	app.OnRecordDeleteRequest(names...).BindFunc(func(e *core.RecordRequestEvent) error {
		if e.Collection.Name == "devices" && !e.HasSuperuserAuth() {
			return e.ForbiddenError("No request changes a device.", nil)
		}
		return writer(e)
	})
}

// bindRecords completes, checks and journals every write of a synced
// collection, whichever way it comes.
func bindRecords(app core.App, s *wiring.Services) {
	names := wiring.Collections()
	app.OnRecordCreate(names...).BindFunc(func(e *core.RecordEvent) error {
		if err := s.Store.PrepareCreate(e.App, e.Record); err != nil {
			return refusal(err)
		}
		return e.Next()
	})
	app.OnRecordUpdate(names...).BindFunc(func(e *core.RecordEvent) error {
		if err := s.Store.PrepareUpdate(e.App, e.Record); err != nil {
			return refusal(err)
		}
		return e.Next()
	})
	app.OnRecordDelete(names...).BindFunc(func(e *core.RecordEvent) error {
		if err := s.Store.PrepareDelete(e.App, e.Record); err != nil {
			return refusal(err)
		}
		return e.Next()
	})
	app.OnRecordCreateExecute(names...).BindFunc(journalled(s, wire.OpCreate))
	app.OnRecordUpdateExecute(names...).BindFunc(journalled(s, wire.OpUpdate))
	app.OnRecordDeleteExecute(names...).BindFunc(journalled(s, wire.OpDelete))
}

// journalled is the one transaction wrapper: row and journal entry, or neither.
func journalled(s *wiring.Services, op string) func(e *core.RecordEvent) error {
	return func(e *core.RecordEvent) error {
		return s.Store.Journalled(op, e.App, e.Record, func(app core.App) { e.App = app }, e.Next)
	}
}

// refusal makes a refusal readable for REST without hiding it from push.
func refusal(err error) error {
	var r *records.Refusal
	if !errors.As(err, &r) {
		return err
	}
	status := http.StatusBadRequest
	if r.Code == wire.CodeNotAllowed {
		status = http.StatusForbidden
	}
	data := validation.Errors{"code": validation.NewError(r.Code, r.Message)}
	return errors.Join(router.NewApiError(status, r.Message, data), err)
}

// bindCollections keeps the synced collections as the access table and the
// migrations make them.
func bindCollections(app core.App) {
	app.OnCollectionUpdateRequest().BindFunc(func(e *core.CollectionRequestEvent) error {
		if httpapi.RulesChanged(e.Collection) {
			return e.BadRequestError("The rules of this collection are made from the access table and can't be edited here.", nil)
		}
		if httpapi.FieldsDropped(e.Collection) {
			return e.BadRequestError("This collection's fields belong to the product and can't be dropped or renamed.", nil)
		}
		return e.Next()
	})
	app.OnCollectionDeleteRequest().BindFunc(func(e *core.CollectionRequestEvent) error {
		if httpapi.Synced(e.Collection.Name) {
			return e.BadRequestError("This collection belongs to the product and can't be dropped.", nil)
		}
		return e.Next()
	})
	app.OnCollectionsImportRequest().BindFunc(func(e *core.CollectionsImportRequestEvent) error {
		return e.BadRequestError("Collections are made by the product's migrations and can't be imported.", nil)
	})
}

// bindSettings keeps the settings that have one value, among them no addresses
// or accounts in logs (R22), and no mail, which would leave the machine (R24).
func bindSettings(app core.App, s *wiring.Services) {
	app.OnSettingsUpdateRequest().BindFunc(func(e *core.SettingsUpdateRequestEvent) error {
		if names := s.SettingsDrift(e.OldSettings, e.NewSettings); len(names) > 0 {
			return e.BadRequestError("Not to be changed here: "+strings.Join(names, ", ")+". Requirements fix it, or the server's command line.", nil)
		}
		return e.Next()
	})
	app.OnFileDownloadRequest().BindFunc(httpapi.AsAttachment)
	app.OnMailerSend().BindFunc(func(*core.MailerEvent) error {
		return errors.New("send mail: this server sends none")
	})
	noMail := "This server sends no mail. Ask your coordinator."
	app.OnRecordRequestEmailChangeRequest().BindFunc(func(e *core.RecordRequestEmailChangeRequestEvent) error {
		return e.ForbiddenError(noMail, nil)
	})
	app.OnRecordRequestPasswordResetRequest().BindFunc(func(e *core.RecordRequestPasswordResetRequestEvent) error {
		return e.ForbiddenError(noMail, nil)
	})
	app.OnRecordRequestVerificationRequest().BindFunc(func(e *core.RecordRequestVerificationRequestEvent) error {
		return e.ForbiddenError(noMail, nil)
	})
}
