package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	// webDir is where the apps are, from the folder that make runs in.
	webDir = "web"
	// fillEnv names the apps' library as one script, to whoever runs a browser.
	fillEnv = "FIELDPOST_BENCH_SCRIPT"
)

// appFigure is what was measured of an app in a browser; web/bench writes them.
type appFigure struct {
	What   string   `json:"what"`
	Figure float64  `json:"figure"`
	Unit   string   `json:"unit"`
	Least  *float64 `json:"least,omitempty"`
	Most   *float64 `json:"most,omitempty"`
}

// browserMissing says what keeps a browser from being used here; "" is nothing.
func browserMissing() string {
	if _, err := exec.LookPath("node"); err != nil {
		return "there is no node"
	}
	if _, err := os.Stat(filepath.Join(webDir, "node_modules", "lighthouse")); err != nil {
		return "web/node_modules is not there or old: npm ci in web/"
	}
	browser := os.Getenv("FIELDPOST_CHROMIUM")
	if browser == "" {
		browser = "/usr/bin/chromium"
	}
	if _, err := os.Stat(browser); err != nil {
		return "there is no browser at " + browser
	}
	return ""
}

// inWeb runs a program of node's in the apps' folder; what it says goes to our
// errors, so that the report stays a report.
func inWeb(env []string, args ...string) error {
	c := exec.Command("node", args...)
	c.Dir, c.Stdout, c.Stderr = webDir, os.Stderr, os.Stderr
	c.Env = append(os.Environ(), env...)
	return c.Run()
}

// buildFill makes the apps' library one script, named in the environment until
// end is called.
func buildFill() (end func(), err error) {
	dir, err := os.MkdirTemp("", "fieldpost-fill-")
	if err != nil {
		return nil, err
	}
	end = func() { _ = os.RemoveAll(dir) }
	err = inWeb([]string{"FIELDPOST_WEB_OUT=" + dir}, "node_modules/vite/bin/vite.js", "build", "--config", "bench/vite.config.ts", "--logLevel", "error")
	if err == nil {
		err = os.Setenv(fillEnv, filepath.Join(dir, "fill.js"))
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("the apps' library: %w", err)
	}
	return end, nil
}

// apps measures the field app and the board in Chromium (web/bench).
func (r *report) apps() error {
	if missing := browserMissing(); missing != "" {
		r.LeftOut = append(r.LeftOut, "apps: "+missing)
		return nil
	}
	dir, err := os.MkdirTemp("", "fieldpost-apps-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "figures")
	if err := inWeb([]string{"FIELDPOST_BENCH_OUT=" + path}, "node_modules/@playwright/test/cli.js", "test", "-c", "bench"); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var a appFigure
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return err
		}
		r.Apps = append(r.Apps, a)
		if a.Least != nil {
			r.least(a.What+", "+a.Unit, a.Figure, *a.Least)
		}
		if a.Most != nil {
			r.most(a.What+", "+a.Unit, a.Figure, *a.Most)
		}
	}
	return nil
}

func printApps(all []appFigure) {
	if len(all) == 0 {
		return
	}
	fmt.Printf("\n| the apps in Chromium | figure | |\n|---|---|---|\n")
	for _, a := range all {
		fmt.Printf("| %s | %.0f | %s |\n", a.What, a.Figure, a.Unit)
	}
}
