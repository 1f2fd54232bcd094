package records_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestStaffStayUnnamed(t *testing.T) {
	r := rig.New(t)
	ngo, hotel := r.Organization("Outreach"), r.Organization("Hotel group")
	site := r.Site("Hotel one", hotel, ngo)
	dee, rosa := r.Enroll(access.Staff, hotel, site), r.Enroll(access.Worker, ngo)
	users, err := r.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	users.Fields.Add(&core.TextField{Name: "full_name"}) // as a superuser might
	if err := r.App.Save(users); err != nil {
		t.Fatal(err)
	}
	roots, err := r.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	root := core.NewRecord(roots)
	root.SetEmail("root@example.org")
	root.SetPassword("root-root-root")
	if err := r.App.Save(root); err != nil {
		t.Fatal(err)
	}
	token, err := root.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	write := func(method, id string, values map[string]any) (int, string, map[string]any) {
		t.Helper()
		answer := map[string]any{}
		status := r.Send(method, token, strings.TrimSuffix("/api/collections/users/records/"+id, "/"), values, &answer)
		words, _ := answer["message"].(string)
		return status, strings.ToLower(words), answer // PocketBase begins them with a capital
	}
	stored := func(id string) [4]string {
		t.Helper()
		u, err := r.App.FindRecordById("users", id)
		if err != nil {
			t.Fatal(err)
		}
		return [4]string{u.GetString("role"), u.Email(), u.GetString("label"), u.GetString("full_name")}
	}
	person := func(role string, more map[string]any) map[string]any {
		values := map[string]any{"role": role, "organization": hotel, "sites": []string{site}, "password": "correct horse battery", "passwordConfirm": "correct horse battery"}
		for k, v := range more {
			values[k] = v
		}
		return values
	}
	names := map[string]string{"email": "dee.marsh@example.org", "label": "Dee from the desk", "full_name": "Dee Marsh"}
	for field, value := range names {
		t.Run("[R8] a superuser is refused, in words, when they type for a person of staff: "+field, func(t *testing.T) {
			before := stored(dee.User.ID)
			status, words, _ := write(http.MethodPatch, dee.User.ID, map[string]any{field: value})
			if status != http.StatusBadRequest || !strings.Contains(words, field+": ") || !strings.Contains(words, "staff") || strings.Contains(words, strings.ToLower(value)) {
				t.Errorf("changed: %d %q", status, words)
			}
			rig.Want(t, stored(dee.User.ID), before)
			status, words, _ = write(http.MethodPost, "", person("staff", map[string]any{field: value}))
			if status != http.StatusBadRequest || !strings.Contains(words, field+": ") {
				t.Errorf("made: %d %q", status, words)
			}
		})
		t.Run("[R8] the control: of a worker the same is taken: "+field, func(t *testing.T) {
			if status, words, _ := write(http.MethodPatch, rosa.User.ID, map[string]any{field: value}); status != http.StatusOK {
				t.Fatalf("%d %s", status, words)
			}
			if !strings.Contains(strings.Join(func() []string { s := stored(rosa.User.ID); return s[:] }(), "\n"), value) {
				t.Error(stored(rosa.User.ID))
			}
		})
	}
	t.Run("[R8] a label that looks made is refused too when somebody types it", func(t *testing.T) {
		if status, words, _ := write(http.MethodPatch, dee.User.ID, map[string]any{"label": "staff-MARTA"}); status != http.StatusBadRequest || !strings.Contains(words, "label: ") {
			t.Errorf("%d %q", status, words)
		}
	})
	t.Run("[R8] what names nobody is taken as before, and the label of somebody new is made", func(t *testing.T) {
		if status, words, _ := write(http.MethodPatch, dee.User.ID, map[string]any{"locale": "es", "email": "", "label": stored(dee.User.ID)[2]}); status != http.StatusOK {
			t.Errorf("%d %s", status, words)
		}
		status, words, made := write(http.MethodPost, "", person("staff", nil))
		if label, _ := made["label"].(string); status != http.StatusOK || !regexp.MustCompile(`^staff-[A-Z2-9]{5}$`).MatchString(label) {
			t.Errorf("%d %s %v", status, words, made)
		}
	})
	t.Run("[R8] nobody becomes staff with what named them: the e-mail goes first, the label is made anew", func(t *testing.T) {
		status, words, _ := write(http.MethodPatch, rosa.User.ID, map[string]any{"role": "staff", "sites": []string{site}})
		if status != http.StatusBadRequest || !strings.Contains(words, "email: ") {
			t.Errorf("%d %q", status, words)
		}
		rig.Want(t, stored(rosa.User.ID)[0], "worker")
		status, words, _ = write(http.MethodPatch, rosa.User.ID, map[string]any{"role": "staff", "sites": []string{site}, "email": "", "full_name": ""})
		if got := stored(rosa.User.ID); status != http.StatusOK || !strings.HasPrefix(got[2], "staff-") || got[1] != "" || got[3] != "" {
			t.Errorf("%d %s %v", status, words, got)
		}
	})
	t.Run("[R8] what stood in a record before this rule keeps nobody from leaving", func(t *testing.T) {
		if _, err := r.App.NonconcurrentDB().NewQuery("UPDATE users SET email='old@example.org', label='Old' WHERE id='" + dee.User.ID + "'").Execute(); err != nil {
			t.Fatal(err)
		}
		if status, words, _ := write(http.MethodPatch, dee.User.ID, map[string]any{"locale": "en"}); status != http.StatusOK {
			t.Errorf("%d %s", status, words)
		}
	})
}
