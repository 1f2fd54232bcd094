package hooks

import (
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// bindSignIn closes the stock ways to a token of users: with them a password
// alone would be enough, and the session would be in nobody's list. What is not
// named here and makes a token all the same meets the last one.
func bindSignIn(app core.App, s *wiring.Services) {
	app.OnRecordAuthWithPasswordRequest("users").BindFunc(func(e *core.RecordAuthWithPasswordRequestEvent) error {
		return httpapi.NotThisWay(e.RequestEvent)
	})
	app.OnRecordRequestOTPRequest("users").BindFunc(func(e *core.RecordCreateOTPRequestEvent) error {
		return httpapi.NotThisWay(e.RequestEvent)
	})
	app.OnRecordAuthWithOTPRequest("users").BindFunc(func(e *core.RecordAuthWithOTPRequestEvent) error {
		return httpapi.NotThisWay(e.RequestEvent)
	})
	app.OnRecordConfirmPasswordResetRequest("users").BindFunc(func(e *core.RecordConfirmPasswordResetRequestEvent) error {
		return httpapi.NotThisWay(e.RequestEvent)
	})
	app.OnRecordConfirmEmailChangeRequest("users").BindFunc(func(e *core.RecordConfirmEmailChangeRequestEvent) error {
		return httpapi.NotThisWay(e.RequestEvent)
	})
	app.OnRecordConfirmVerificationRequest("users").BindFunc(func(e *core.RecordConfirmVerificationRequestEvent) error {
		return httpapi.NotThisWay(e.RequestEvent)
	})
	app.OnRecordAuthWithOAuth2Request("users").BindFunc(s.API.External)
	app.OnRecordAuthRequest("users").BindFunc(s.API.OnlyOurTokens)
}

// bindSignInRoutes is every route of the sign-in.
func bindSignInRoutes(r *router.Router[*core.RequestEvent], s *wiring.Services) {
	r.GET("/signin", httpapi.SignInPage)
	r.GET("/signin/{file}", httpapi.SignInPage)
	g := r.Group("/api/fieldpost")
	g.Bind(apis.BodyLimit(0)) // each has its own, and answers in our words
	g.POST("/signin", httpapi.Handle(s.API.BeginSignIn))
	g.POST("/signin/second", httpapi.Handle(s.API.SecondFactor))
	g.POST("/signin/passkey", httpapi.Handle(s.API.AskPasskey))
	g.POST("/signin/passkey/confirm", httpapi.Handle(s.API.WithPasskey))
	g.POST("/signin/setup", httpapi.Handle(s.API.SetUp))
	g.POST("/signin/setup/totp", httpapi.Handle(s.API.SetUpTOTP))
	g.POST("/signin/setup/totp/confirm", httpapi.Handle(s.API.ConfirmTOTP))
	g.POST("/signin/setup/passkey", httpapi.Handle(s.API.SetUpPasskey))
	g.POST("/signin/setup/passkey/confirm", httpapi.Handle(s.API.ConfirmPasskey))
	g.POST("/signin/setup/passkey/remove", httpapi.Handle(s.API.RemovePasskey))
	g.POST("/signin/setup/recovery", httpapi.Handle(s.API.NewRecovery))
	g.POST("/signin/setup/password", httpapi.Handle(s.API.SetPassword))
	g.POST("/signin/change", httpapi.Handle(s.API.ChangeSignIn))
	g.POST("/signin/link", httpapi.Handle(s.API.SignInLink))
	g.GET("/signin/account", httpapi.Handle(s.API.SignInAccount))
	g.GET("/sessions", httpapi.Handle(s.API.Sessions))
	g.DELETE("/sessions/{id}", httpapi.Handle(s.API.EndSession))
}
