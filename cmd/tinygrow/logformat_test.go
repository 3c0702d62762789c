package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// logged runs a command line and returns the records on its stderr, which holds nothing else.
func logged(t *testing.T, args ...string) (code exitCode, list []map[string]any) {
	t.Helper()
	was := slog.Default()
	defer slog.SetDefault(was)
	var errs bytes.Buffer
	code = execute(t.Context(), args, io.Discard, &errs)
	for line := range strings.Lines(errs.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %q is no record: %v", args, line, err)
		}
		at, _ := r["time"].(string)
		_, bad := time.Parse(time.RFC3339, at)
		level, _ := r["level"].(string)
		if text, _ := r["msg"].(string); bad != nil || text == "" || !strings.Contains("DEBUG INFO WARN ERROR", level) || strings.Contains(text, "\n") {
			t.Errorf("%v: record %q", args, line)
		}
		list = append(list, r)
	}
	return code, list
}

func TestEverythingOnStderrIsARecord(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	code, list := logged(t, "train", "-v", "--log-format", "json", "--run-dir", run, "--limit", "320", "--steps", "20", "--batch", "40", "--threads", "1",
		"--set", "model.widths=[2,2]", "--set", "growth.every_steps=5", "--set", "growth.until=1", "--policy", "random", "--set", "telemetry.metrics=0")
	if code != exitOK {
		t.Fatal(code, list)
	}
	seen := map[string]map[string]any{}
	for _, r := range list {
		seen[r["msg"].(string)] = r
	}
	if r := seen["run started"]; r["steps"] != 20.0 || r["dir"] != run {
		t.Errorf("start: %v", r)
	}
	if r := seen["evaluation"]; r["split"] != "test" || r["step"] != 20.0 || r["loss"] == nil {
		t.Errorf("evaluation: %v", r)
	}
	if r := seen["growth event"]; r["decision"] != "grow" || r["why"] == "" || r["params"] == nil {
		t.Errorf("growth: %v", r)
	}
	if r := seen["checkpoint"]; r["level"] != "DEBUG" {
		t.Errorf("checkpoint: %v", r)
	}
	for _, c := range []struct {
		code exitCode
		args []string
	}{
		{exitUsage, []string{"train", "--log-format=json", "--no-such-flag"}}, {exitUsage, []string{"coordinator", "--log-format=json"}},
		{exitUsage, []string{"worker", "--log-format=json"}}, {exitUsage, []string{"serve", "--log-format=json", run, "--batch", "-1"}},
		{exitUsage, []string{"--log-format=json", "trian"}}, {exitUsage, []string{"train", "--log-format=json", "--set", "telemetry.metric=1"}},
	} {
		code, list := logged(t, c.args...)
		if last := list[len(list)-1]; code != c.code || last["level"] != "ERROR" || last["code"] != float64(c.code) {
			t.Errorf("%v: code %d, %v", c.args, code, last)
		}
	}
}

func TestWordsStayWords(t *testing.T) {
	var errs bytes.Buffer
	if code := execute(t.Context(), []string{"train", "--log-format", "xml"}, io.Discard, &errs); code != exitUsage ||
		!strings.HasPrefix(errs.String(), `tinygrow: --log-format "xml": must be text or json`) {
		t.Errorf("%d: %s", code, &errs)
	}
	for args, want := range map[string]string{"": logText, "train": logText, "--log-format json": logJSON, "a --log-format=json b": logJSON,
		"-- --log-format=json": logText, "--log-format": logText} {
		if got := logFormatOf(strings.Fields(args)); got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
	}
}

func TestRecordsOfPartsOfLines(t *testing.T) {
	var out bytes.Buffer
	r := newRecords(&out)
	for _, part := range []string{"one", " line\nand", "", "\n\n \nlast \x1b[2J"} {
		if n, err := io.WriteString(r, part); n != len(part) || err != nil {
			t.Error(n, err)
		}
	}
	r.end()
	var texts []string
	for line := range strings.Lines(out.String()) {
		var record struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, record.Msg)
	}
	if len(texts) != 3 || texts[0] != "one line" || texts[1] != "and" || !strings.HasPrefix(texts[2], "last ") || strings.Contains(texts[2], "\x1b") {
		t.Errorf("%q", texts)
	}
}
