package main

import "testing"

func TestWhichKindsAreMeasured(t *testing.T) {
	for kinds, want := range map[string]int{"": 4, "off": 1, "viewer": 2, "files,viewers": 3, "nonsense": 0} {
		list, err := choice{kinds: kinds}.of()
		if len(list) != want || (err == nil) != (want > 0) || want > 0 && list[0].name != "off" {
			t.Errorf("%q: %v, %v", kinds, list, err)
		}
	}
}

func TestRatiosAreOfTheSameTurn(t *testing.T) {
	k := summary(setups[2], []measured{{cpu: 2, wall: 6}, {cpu: 30, wall: 3}, {cpu: 4, wall: 3}}, []measured{{cpu: 1, wall: 3}, {cpu: 10, wall: 3}, {cpu: 4, wall: 3}})
	if k.CPURatio != 2 || k.WallRatio != 1 || k.CPU != 4 || k.CPURatios[0] != 1 || k.CPURatios[2] != 3 {
		t.Errorf("%+v", k)
	}
}
