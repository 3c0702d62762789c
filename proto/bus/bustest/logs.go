package bustest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// Logs runs what every log must keep, on disk and in memory, with two
// participants of systems of its own.
func Logs(t *testing.T, start Start[bus.Logs]) {
	for name, test := range map[string]func(t *testing.T, a, b bus.Logs, o bus.LogOptions){
		"logs keep records in order": logsKeepRecordsInOrder,
		"logs fence":                 logsFence,
		"logs drop the oldest":       logsDropTheOldest,
		"logs hear context":          logsHearContext,
	} {
		for _, volatile := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, volatile %v", name, volatile), func(t *testing.T) {
				connect := start(t)
				test(t, connect(), connect(), bus.LogOptions{Name: "a-log", Subject: "a.log", Volatile: volatile})
			})
		}
	}
}

func openLog(t *testing.T, l bus.Logs, o bus.LogOptions) bus.Log {
	t.Helper()
	log, err := l.OpenLog(soon(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func logsKeepRecordsInOrder(t *testing.T, a, b bus.Logs, o bus.LogOptions) {
	x, y := openLog(t, a, o), openLog(t, b, o)
	ctx := soon(t)
	if r, err := y.Last(ctx); err != nil || r.Number != 0 || r.Data != nil {
		t.Fatalf("an empty log ends with %v, %v", r, err)
	}
	if r, err := y.Read(ctx, 1, 10); err != nil || len(r) != 0 {
		t.Fatalf("an empty log has %v, %v", r, err)
	}
	data := make([]byte, 1)
	for i := range 100 {
		data[0] = byte(i)
		n, err := x.Append(ctx, uint64(i), data)
		if err != nil || n != uint64(i+1) {
			t.Fatalf("record %d: %d, %v", i+1, n, err)
		}
	}
	last, err := y.Last(ctx)
	if err != nil || last.Number != 100 || last.Data[0] != 99 {
		t.Fatalf("the last is %v, %v", last, err)
	}
	for _, c := range []struct{ from, n, first, len int }{
		{1, 1000, 1, 100}, {0, 5, 1, 5}, {51, 20, 51, 20}, {100, 5, 100, 1}, {101, 5, 0, 0},
	} {
		got, err := y.Read(ctx, uint64(c.from), c.n)
		if err != nil || len(got) != c.len {
			t.Fatalf("read %d from %d: %d, %v", c.n, c.from, len(got), err)
		}
		for i, r := range got {
			if want := c.first + i; r.Number != uint64(want) || r.Data[0] != byte(want-1) {
				t.Fatalf("record %d is %v", want, r)
			}
		}
	}
}

// Of any number of writers that append behind the same record, one does.
func logsFence(t *testing.T, a, b bus.Logs, o bus.LogOptions) {
	logs := []bus.Log{openLog(t, a, o), openLog(t, b, o)}
	for after := range uint64(20) {
		errs := make([]error, 6)
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() {
				_, errs[i] = logs[i%2].Append(soon(t), after, []byte{byte(i)})
			})
		}
		group.Wait()
		won := 0
		for i, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, bus.ErrConflict):
				t.Fatalf("writer %d: %v", i, err)
			}
		}
		if won != 1 {
			t.Fatalf("%d records behind number %d", won, after)
		}
	}
	for _, after := range []uint64{0, 19, 21} {
		if _, err := logs[0].Append(soon(t), after, nil); !errors.Is(err, bus.ErrConflict) {
			t.Errorf("append behind %d of 20: %v", after, err)
		}
	}
}

func logsDropTheOldest(t *testing.T, a, b bus.Logs, o bus.LogOptions) {
	o.Keep = 1
	x, y := openLog(t, a, o), openLog(t, b, o)
	for i := range uint64(5) {
		if _, err := x.Append(soon(t), i, []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := y.Read(soon(t), 1, 10)
	if err != nil || len(got) != 1 || got[0].Number != 5 || got[0].Data[0] != 4 {
		t.Errorf("got %v, %v", got, err)
	}
}

func logsHearContext(t *testing.T, a, _ bus.Logs, o bus.LogOptions) {
	l := openLog(t, a, o)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Append(ctx, 0, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v", err)
	}
	if _, err := l.Last(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("last: %v", err)
	}
	if _, err := l.Read(ctx, 1, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
}
