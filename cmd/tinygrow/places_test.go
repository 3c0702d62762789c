package main

import "testing"

// TestErrorsNameWhatTheUserTyped explains errors of a container.
func TestErrorsNameWhatTheUserTyped(t *testing.T) {
	const in places = "/data=DATA_DIR=/home/me/cifr;/config.yaml=CONFIG=./my.yaml;/runs/a b=RUN=a b;;x"
	for text, want := range map[string]string{
		"open /data/train: no such file":       "open /data/train: no such file\n/data is what DATA_DIR=/home/me/cifr names",
		"/data: it holds no files":             "/data: it holds no files\n/data is what DATA_DIR=/home/me/cifr names",
		"/config.yaml:3: unknown key":          "/config.yaml:3: unknown key\n/config.yaml is what CONFIG=./my.yaml names",
		`run "a b": give letters`:              "run \"a b\": give letters\n\"a b\" is from RUN=a b",
		"/database is full":                    "/database is full",
		"/data2: gone, /data":                  "/data2: gone, /data\n/data is what DATA_DIR=/home/me/cifr names",
		"nothing of it":                        "nothing of it",
		"/config.yaml and /data do not agree.": "/config.yaml and /data do not agree.\n/data is what DATA_DIR=/home/me/cifr names\n/config.yaml is what CONFIG=./my.yaml names",
	} {
		if got := in.explain(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := places("").explain("x /data"); got != "x /data" {
		t.Error(got)
	}
}
