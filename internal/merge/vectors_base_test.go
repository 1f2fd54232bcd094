package merge

import (
	"encoding/json"
	"testing"
)

type vectorLines []struct {
	Epoch string
	Left  *int64
}

func (v vectorLines) lines() Lines {
	var l Lines
	for _, x := range v {
		line := Line{ID: x.Epoch, Present: x.Left == nil}
		if x.Left != nil {
			line.Left = *x.Left
		}
		l = append(l, line)
	}
	return l
}

func runBase(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Lines vectorLines
		Epoch string
		Base  int64
	}](t, given)
	wantJSON(t, map[string]int64{"base": in.Lines.lines().Base(in.Epoch, in.Base)}, expect)
}

// runEdit is a step of merge whose base is of another epoch.
func runEdit(t *testing.T, given, expect json.RawMessage) {
	in := strict[struct {
		Lines vectorLines
		Epoch string
		Step  map[string]any
	}](t, given)
	edit := in.Step["edit"].(map[string]any)
	edit["base"] = in.Lines.lines().Base(in.Epoch, int64(edit["base"].(float64)))
	step, err := json.Marshal(in.Step)
	if err != nil {
		t.Fatal(err)
	}
	runStep(t, step, expect)
}
