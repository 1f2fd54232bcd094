package checklist_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/checklist"
)

// maxCore is how many items of the core a setting's checklist may carry.
const maxCore = 5

// released is what was shipped in the first format: how many items are the
// setting's own, and the SHA-256 of the file. A row never changes.
var released = map[string]struct {
	own  int
	hash string
}{
	"core":         {20, "d91183ed5e3531879820b0b064638baa3b5ac9925e652f7f2f51dd55c5797641"},
	"hotel_fb":     {12, "9cabe647ab85a81fa59ac9f794adfece2d439d8146d5056387345991204e8cf8"},
	"hotel_front":  {20, "901432429a503a0d053bccceed529887090626983b55669b341d6e2739ce5612"},
	"hotel_house":  {18, "f463f5aaf6113c5d12f8d900e9aa02f18ddb404305d7ef3915e4ad332b142cde"},
	"hotel_sec":    {12, "38589617e4832f11c740d7342489bab2469548811c1c9a12f7625a2354e12b7a"},
	"truck_cash":   {15, "dfb61a4286e4a0b158af2b41744cbedb5081fba6623e47d93b9e80655f4a4fc4"},
	"truck_driver": {15, "44896436c5971972616dd3be2ecd331ed49ad2d36e3a0ad1d1e11f05a5805c5f"},
	"truck_lot":    {12, "f80f1d2c5c21d393ed6b6a68f97a756cde35ae1d101de2801b0e72087a6d4df8"},
}

func shipped(t *testing.T) map[string]checklist.Checklist {
	t.Helper()
	lists, err := checklist.Load(content.Files)
	if err != nil {
		t.Fatal(err)
	}
	byKey := map[string]checklist.Checklist{}
	for _, list := range lists {
		if _, first := released[list.Key]; first && list.Version == 1 {
			byKey[list.Key] = list
		}
	}
	return byKey
}

// split parts a checklist in the items of its setting and those of the core.
func split(list checklist.Checklist) (own, core []checklist.Item) {
	for _, item := range list.Items {
		if strings.HasPrefix(item.ID, "core.") && list.Key != "core" {
			core = append(core, item)
		} else {
			own = append(own, item)
		}
	}
	return own, core
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	data, err := fs.ReadFile(content.Files, name)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestShippedChecklists(t *testing.T) {
	lists := shipped(t)
	t.Run("[CONTENT] the settings of hotel, truck stop and core are shipped, with all their items", func(t *testing.T) {
		for key, want := range released {
			list, there := lists[key]
			if !there {
				t.Errorf("%s is missing", key)
				continue
			}
			if own, _ := split(list); len(own) != want.own || list.Version != 1 || list.Locale != "en" {
				t.Errorf("%s: %d items, version %d, %s", key, len(own), list.Version, list.Locale)
			}
		}
		if len(lists) != len(released) {
			t.Errorf("%d checklists, %d in the table of what was released", len(lists), len(released))
		}
	})
	t.Run("[CONTENT] a version that was shipped never changes", func(t *testing.T) {
		for key, want := range released {
			data, err := fs.ReadFile(content.Files, "checklists/"+key+".json")
			if err != nil {
				t.Error(err)
				continue
			}
			sum := sha256.Sum256(data)
			if got := hex.EncodeToString(sum[:]); got != want.hash {
				t.Errorf("%s: the file is %s; make a new version instead", key, got)
			}
		}
	})
	t.Run("[CONTENT] the setting's own items come first, numbered without a gap, then the core's", func(t *testing.T) {
		for key, list := range lists {
			own, core := split(list)
			for n, item := range own {
				if want := fmt.Sprintf("%s.%02d", key, n+1); item.ID != want || list.Items[n].ID != want {
					t.Errorf("%s: item %d is %s", key, n+1, list.Items[n].ID)
				}
			}
			if len(core) > maxCore {
				t.Errorf("%s: %d items of the core", key, len(core))
			}
		}
	})
	t.Run("[CONTENT] an item is the same in every checklist that shows it", func(t *testing.T) {
		core := checklist.NewCatalog([]checklist.Checklist{lists["core"]})
		for key, list := range lists {
			_, shown := split(list)
			for _, item := range shown {
				want := core[item.ID]
				if item.Text != want.Text || item.Weight != want.Weight || item.Form != want.Form || item.Review != want.Review {
					t.Errorf("%s: %s differs from the core's", key, item.ID)
				}
			}
		}
	})
	t.Run("[R25] an item whose wording is ours says that it awaits review, and no other does", func(t *testing.T) {
		marked := 0
		for key, list := range lists {
			for _, item := range list.Items {
				if ours := slices.Contains(item.Sources, "D"); ours != (item.Review == checklist.AwaitingReview) {
					t.Errorf("%s: %s: ours %v, review %q", key, item.ID, ours, item.Review)
				}
				if item.Review != "" {
					marked++
				}
			}
		}
		if marked == 0 {
			t.Error("no item awaits review")
		}
	})
	t.Run("[CONTENT] every item names who notices it and its sources, and each source is described", func(t *testing.T) {
		var sources map[string]struct{ Title, Address, Review string }
		read(t, "sources.json", &sources)
		for key, list := range lists {
			for _, item := range list.Items {
				if item.NoticedBy == "" || len(item.Sources) == 0 {
					t.Errorf("%s: %s names nobody or no source", key, item.ID)
				}
				for _, code := range item.Sources {
					if _, there := sources[code]; !there {
						t.Errorf("%s: %s cites %s, which sources.json does not hold", key, item.ID, code)
					}
				}
			}
		}
		for code, source := range sources {
			if source.Title == "" || (code == "D") != (source.Address == "") || (code == "D") != (source.Review == checklist.AwaitingReview) {
				t.Errorf("source %s: %+v", code, source)
			}
		}
	})
}

type leftOut struct {
	Rule    string            `json:"rule"`
	Reasons map[string]string `json:"reasons"`
	Review  string            `json:"review"`
	LeftOut map[string]struct {
		Said []struct {
			ID     string   `json:"id"`
			By     []string `json:"by"`
			Reason string   `json:"reason"`
		} `json:"said"`
		Limit []string `json:"limit"`
	} `json:"left_out"`
}

func TestLeftOut(t *testing.T) {
	lists := shipped(t)
	var left leftOut
	read(t, "left_out.json", &left)
	heavier := map[string]int{checklist.Emergency: 2, checklist.Strong: 1, checklist.Context: 0}
	catalog := checklist.NewCatalog(slices.Collect(maps.Values(lists)))

	t.Run("[CONTENT] every item of the core is shown by a setting's checklist, or left out with a reason", func(t *testing.T) {
		for key, list := range lists {
			if key == "core" {
				continue
			}
			times := map[string]int{}
			_, shown := split(list)
			for _, item := range shown {
				times[item.ID]++
			}
			for _, said := range left.LeftOut[key].Said {
				times[said.ID]++
				t.Logf("%s leaves out %s: said by %s: %s", key, said.ID, strings.Join(said.By, ", "), said.Reason)
			}
			for _, id := range left.LeftOut[key].Limit {
				times[id]++
				t.Logf("%s leaves out %s: %s", key, id, left.Reasons["limit"])
			}
			for _, item := range lists["core"].Items {
				if times[item.ID] != 1 {
					t.Errorf("%s: %s is accounted for %d times", key, item.ID, times[item.ID])
				}
				delete(times, item.ID)
			}
			if len(times) != 0 {
				t.Errorf("%s: not of the core: %v", key, times)
			}
		}
		for key := range left.LeftOut {
			if _, there := lists[key]; !there || key == "core" {
				t.Errorf("left_out.json speaks of %s, which is no setting here", key)
			}
		}
	})
	t.Run("[CONTENT] what is said already is said by the setting's own items, with no less weight", func(t *testing.T) {
		for key, out := range left.LeftOut {
			own, _ := split(lists[key])
			for _, said := range out.Said {
				most := -1
				for _, by := range said.By {
					n := slices.IndexFunc(own, func(item checklist.Item) bool { return item.ID == by })
					if n < 0 {
						t.Errorf("%s: %s is said by %s, which is not of the setting", key, said.ID, by)
						continue
					}
					most = max(most, heavier[own[n].Weight])
				}
				if weight := catalog[said.ID].Weight; most < heavier[weight] || said.Reason == "" {
					t.Errorf("%s: %s (%s) is left out for items of less weight, or without a reason", key, said.ID, weight)
				}
			}
		}
	})
	t.Run("[CONTENT] the core items shown are the first five that are not said: emergency first, then strong", func(t *testing.T) {
		for key, out := range left.LeftOut {
			var want []checklist.Item
			for _, item := range lists["core"].Items {
				already := false
				for _, said := range out.Said {
					already = already || said.ID == item.ID
				}
				if !already {
					want = append(want, item)
				}
			}
			slices.SortStableFunc(want, func(a, b checklist.Item) int { return heavier[b.Weight] - heavier[a.Weight] })
			_, shown := split(lists[key])
			if got, want := ids(shown), ids(want[:maxCore]); !slices.Equal(got, want) {
				t.Errorf("%s shows %v, want %v", key, got, want)
			}
		}
	})
	t.Run("[R25] what was left out is our judgement, and says that it awaits review", func(t *testing.T) {
		if left.Review != checklist.AwaitingReview || left.Rule == "" || left.Reasons["said"] == "" || left.Reasons["limit"] == "" {
			t.Errorf("%q %q %v", left.Review, left.Rule, left.Reasons)
		}
	})
}

func ids(items []checklist.Item) []string {
	var list []string
	for _, item := range items {
		list = append(list, item.ID)
	}
	return list
}
