package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// Values of --log-format.
const (
	logText = "text"
	logJSON = "json"
)

// logFlag is the flag that says how what goes to stderr is written.
const logFlag = "log-format"

// logFormatOf returns what a command line says of --log-format, before it is parsed:
// also what is wrong with it is told in that form.
func logFormatOf(args []string) string {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, "--"+logFlag+"="); ok {
			return value
		}
		if arg == "--"+logFlag && i+1 < len(args) {
			return args[i+1]
		}
	}
	return logText
}

// records is a stderr that holds nothing but JSON: each line that is written to it
// becomes a record of package slog, on a line of its own.
type records struct {
	handler slog.Handler
	level   *slog.LevelVar

	mu   sync.Mutex
	part []byte // the part of a line that has no end yet
}

func newRecords(out io.Writer) *records {
	level := new(slog.LevelVar)
	return &records{handler: slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}), level: level}
}

// Write makes a record of each whole line.
func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.part = append(r.part, p...)
	for {
		line, rest, ended := bytes.Cut(r.part, []byte{'\n'})
		if !ended {
			return len(p), nil
		}
		r.tell(slog.LevelInfo, string(line))
		r.part = append(r.part[:0], rest...)
	}
}

// tell writes a record, unless its text is empty.
func (r *records) tell(level slog.Level, text string, attrs ...slog.Attr) {
	if text = strings.TrimSpace(proto.Printable(text)); text == "" || !r.handler.Enabled(context.Background(), level) {
		return
	}
	record := slog.NewRecord(time.Now(), level, text, 0)
	record.AddAttrs(attrs...)
	_ = r.handler.Handle(context.Background(), record) // nobody can be told, as with any other stderr
}

// end makes a record of a last line that has no end.
func (r *records) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(slog.LevelInfo, string(r.part))
	r.part = nil
}
