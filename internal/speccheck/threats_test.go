package speccheck

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const threatsPath = "docs/THREATS.md"

var (
	claimRow  = regexp.MustCompile(`^\| (.+) \| (.+) \|$`)
	goTest    = regexp.MustCompile("^`([a-z/]+)` (Test[A-Za-z0-9]+)$")
	fileTest  = regexp.MustCompile("^`([A-Za-z0-9/._-]+\\.test\\.(?:ts|mjs))`$")
	wantsTest = []string{"A seized phone", "A curious manager", "A hostile co-worker on a shared tablet", "A stolen backup", "A swapped poster QR", "A malicious partner account",
		"A compromised superuser", "A subpoena of a joint database", "A hostile network"}
)

// checkThreats gives what is wrong with the claims of a text: a claim without a
// test that exists, or a section without a word on what does not hold.
func checkThreats(root, text string) []string {
	var wrong []string
	for _, section := range strings.Split(text, "\n## ")[1:] {
		title, _, _ := strings.Cut(section, "\n")
		if !strings.Contains(section, "**Does not hold.**") {
			wrong = append(wrong, title+": says nothing of what does not hold")
		}
		claims := 0
		for _, line := range strings.Split(section, "\n") {
			m := claimRow.FindStringSubmatch(line)
			if m == nil || m[1] == "what holds" || strings.HasPrefix(m[1], "---") {
				continue
			}
			claims++
			if m[2] == "not yet" {
				continue
			}
			for _, named := range strings.Split(m[2], ", ") {
				if !testExists(root, named) {
					wrong = append(wrong, title+": there is no test "+named)
				}
			}
		}
		if claims == 0 {
			wrong = append(wrong, title+": claims nothing")
		}
	}
	for _, title := range wantsTest {
		if !strings.Contains(text, "\n## "+title+"\n") {
			wrong = append(wrong, title+": is not looked at")
		}
	}
	return wrong
}

func testExists(root, named string) bool {
	if m := fileTest.FindStringSubmatch(named); m != nil {
		_, err := os.Stat(filepath.Join(root, m[1]))
		return err == nil
	}
	m := goTest.FindStringSubmatch(named)
	if m == nil {
		return false
	}
	files, err := filepath.Glob(filepath.Join(root, m[1], "*_test.go"))
	if err != nil {
		return false
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(raw), "\nfunc "+m[2]+"(t ") {
			return true
		}
	}
	return false
}

func TestThreats(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", threatsPath))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	t.Run("[DOC] each claim about a threat names a test that exists, or says that it is not built", func(t *testing.T) {
		for _, w := range checkThreats(filepath.Join("..", ".."), text) {
			t.Errorf("%s: %s", threatsPath, w)
		}
	})
	t.Run("[DOC] a test that is not there, a claim without one and a section that claims all are seen", func(t *testing.T) {
		for _, change := range [][2]string{{"`client` TestWipe", "`client` TestWipes"}, {"`web/sdk/test/vault.test.ts`", "`web/sdk/test/vaults.test.ts`"}, {"`internal/httpapi` TestFiles", "looked at by hand"},
			{"**Does not hold.**", ""}, {"## A stolen backup", "## Something else"}} {
			if !strings.Contains(text, change[0]) {
				t.Fatalf("%q is not in the text", change[0])
			}
			if len(checkThreats(filepath.Join("..", ".."), strings.Replace(text, change[0], change[1], 1))) == 0 {
				t.Errorf("%q for %q is not seen", change[1], change[0])
			}
		}
	})
}
