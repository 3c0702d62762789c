package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	described "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	spans "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto/pause"
)

// Bounds of traces.
const (
	traceEvery  = 100 * time.Millisecond // at most one step in so long becomes a trace
	traceQueue  = 2048                   // spans that wait
	traceTries  = 3
	traceAnswer = 10 * time.Second
	traceEnd    = 5 * time.Second // how long the end of a run waits for the last spans
)

// ErrTraces is returned for an address at which no collector can be.
var ErrTraces = errors.New("address of the OpenTelemetry collector")

// TracesCollector parses the address of a collector.
func TracesCollector(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: must be as http://127.0.0.1:4318", ErrTraces) // err may show a password
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%w: %q: must be as http://127.0.0.1:4318", ErrTraces, u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("%w: give what it asks for in OTEL_EXPORTER_OTLP_HEADERS, since the address is kept", ErrTraces)
	}
	return u, nil
}

// Traces sends spans to an OpenTelemetry collector, by OTLP over HTTP: of steps (ten a
// second at most), with their phases, of evaluations and of growth events. A phase is
// the sum of many short spells; its span has their length, and they stand one behind
// the other in the order in which a step goes through them, but for decode and send,
// which other goroutines do beside them.
type Traces struct {
	out      *exporter
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	trouble  func(string)

	run   string
	mark  time.Time // end of what was told last
	step  time.Time // end of the last step that became a trace
	told  coordinator.Timing
	clock func() time.Time
}

// NewTraces returns Traces that send to a collector, with the headers that environment
// names in OTEL_EXPORTER_OTLP_HEADERS. trouble is told what was not taken.
func NewTraces(to *url.URL, environment func(string) string, trouble func(string)) *Traces {
	t := &Traces{out: newExporter(to, environment("OTEL_EXPORTER_OTLP_HEADERS")), trouble: trouble, clock: time.Now}
	t.provider = sdk.NewTracerProvider(sdk.WithBatcher(t.out, sdk.WithMaxQueueSize(traceQueue)),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "tinygrow"))))
	t.tracer = t.provider.Tracer("github.com/tinygrow/tinygrow")
	return t
}

// Events returns e with callbacks that send as well. Those of e are called first.
func (t *Traces) Events(e coordinator.Events) coordinator.Events {
	e = e.WithDefaults()
	before := e
	e.Started = func(s coordinator.Started) {
		before.Started(s)
		t.run, t.mark, t.told = string(s.Run), t.clock(), coordinator.Timing{}
	}
	e.Step = func(r trainer.StepRecord, p coordinator.Pace) { before.Step(r, p); t.stepped(r, p) }
	e.Evaluated = func(r trainer.EvalRecord) {
		before.Evaluated(r)
		t.span("evaluation", attribute.Int64("step", int64(r.Step)), attribute.String("split", r.Split),
			attribute.Float64("accuracy", r.Accuracy))
	}
	e.Grew = func(r growth.Record, g trainer.GrownRecord) {
		before.Grew(r, g)
		t.span("growth event", attribute.Int64("step", int64(r.Step)), attribute.Int64("event", int64(r.Event)),
			attribute.String("decision", r.Decision), attribute.String("why", r.Why))
	}
	return e
}

// Close sends what waits, for some seconds at most, and then says what was not taken.
func (t *Traces) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), traceEnd)
	defer cancel()
	err := t.provider.Shutdown(ctx)
	if n := t.out.lost.Load(); n > 0 {
		t.trouble(fmt.Sprintf("the OpenTelemetry collector at %s did not take %d spans: %v", t.out.to.Host, n, t.out.last.Load()))
	} else if err != nil {
		t.trouble(fmt.Sprintf("the OpenTelemetry collector at %s did not take the last spans: %v", t.out.to.Host, err))
	}
}

// span sends a span from what was told last until now.
func (t *Traces) span(name string, attributes ...attribute.KeyValue) {
	now := t.clock()
	_, s := t.tracer.Start(context.Background(), name, trace.WithTimestamp(t.mark), trace.WithNewRoot(),
		trace.WithAttributes(append(attributes, attribute.String("run", t.run))...))
	s.End(trace.WithTimestamp(now))
	t.mark = now
}

// stepped sends a step with its phases, unless one was sent a moment ago.
func (t *Traces) stepped(r trainer.StepRecord, p coordinator.Pace) {
	now, began := t.clock(), t.mark
	was := t.told
	t.mark, t.told = now, p.Timing
	if now.Sub(t.step) < traceEvery {
		return
	}
	t.step = now
	ctx, s := t.tracer.Start(context.Background(), "step", trace.WithTimestamp(began), trace.WithNewRoot(), trace.WithAttributes(
		attribute.String("run", t.run), attribute.Int64("step", int64(r.Step)), attribute.Float64("loss", r.Loss),
		attribute.Int("samples", r.Samples), attribute.Int("params", r.Params), attribute.Int("workers", p.Workers)))
	if p.Timing.Steps > was.Steps { // the first step of a process is not measured
		at := began
		each(p.Timing.Phases, was.Phases, func(name string, seconds float64) {
			from, long := at, time.Duration(float64(seconds*float64(time.Second)))
			if name == "decode" || name == "send" {
				from = began
			} else {
				at = at.Add(long)
			}
			_, phase := t.tracer.Start(ctx, name, trace.WithTimestamp(from))
			phase.End(trace.WithTimestamp(from.Add(long)))
		})
	}
	s.End(trace.WithTimestamp(now))
}

// exporter sends spans by OTLP over HTTP. The library's own would bring gRPC along,
// which is a fifth of the binary.
type exporter struct {
	to      *url.URL
	headers http.Header
	retry   time.Duration // pause before the second try, doubled for each further one
	lost    atomic.Int64  // spans that were not taken
	last    atomic.Value  // why, a string
}

// newExporter returns an exporter with headers as name=value,name=value.
func newExporter(to *url.URL, headers string) *exporter {
	e := &exporter{to: to, headers: http.Header{}, retry: 500 * time.Millisecond}
	e.last.Store("")
	for pair := range strings.SplitSeq(headers, ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			if plain, err := url.PathUnescape(strings.TrimSpace(value)); err == nil {
				e.headers.Set(strings.TrimSpace(name), plain)
			}
		}
	}
	return e
}

// Shutdown has nothing to end.
func (e *exporter) Shutdown(context.Context) error { return nil }

// ExportSpans sends spans, again a few times where the collector does not answer or
// has a fault of its own; then they are lost and counted.
func (e *exporter) ExportSpans(ctx context.Context, list []sdk.ReadOnlySpan) error {
	body, err := proto.Marshal(encodeSpans(list))
	if err != nil {
		return err
	}
	wait := e.retry
	for try := range traceTries {
		if try > 0 && pause.For(ctx, wait) != nil {
			break
		}
		if try > 0 {
			wait *= 2
		}
		var again bool
		if again, err = e.send(ctx, body); err == nil {
			return nil
		}
		if !again {
			break
		}
	}
	e.last.Store(err.Error())
	e.lost.Add(int64(len(list)))
	return nil // it is told at the end
}

// send sends a request once, and reports whether to try again.
func (e *exporter) send(ctx context.Context, body []byte) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, traceAnswer)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(e.to.String(), "/")+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header = e.headers.Clone()
	r.Header.Set("Content-Type", "application/x-protobuf")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return true, err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err != nil {
		return true, err
	}
	if answer.StatusCode/100 != 2 {
		return answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests, fmt.Errorf("%s: %.200q", answer.Status, said)
	}
	return false, nil
}

// encodeSpans returns the request with spans of one process.
func encodeSpans(list []sdk.ReadOnlySpan) *collector.ExportTraceServiceRequest {
	one := &spans.ScopeSpans{Scope: &common.InstrumentationScope{Name: "github.com/tinygrow/tinygrow"}}
	all := &spans.ResourceSpans{ScopeSpans: []*spans.ScopeSpans{one}, Resource: &described.Resource{}}
	for i, s := range list {
		if i == 0 {
			all.Resource.Attributes = encodeAttributes(s.Resource().Attributes())
		}
		trace, id := s.SpanContext().TraceID(), s.SpanContext().SpanID()
		span := &spans.Span{TraceId: trace[:], SpanId: id[:], Name: s.Name(), Kind: spans.Span_SPAN_KIND_INTERNAL,
			StartTimeUnixNano: uint64(s.StartTime().UnixNano()), EndTimeUnixNano: uint64(s.EndTime().UnixNano()),
			Attributes: encodeAttributes(s.Attributes())}
		if parent := s.Parent().SpanID(); parent.IsValid() {
			span.ParentSpanId = parent[:]
		}
		one.Spans = append(one.Spans, span)
	}
	return &collector.ExportTraceServiceRequest{ResourceSpans: []*spans.ResourceSpans{all}}
}

func encodeAttributes(list []attribute.KeyValue) []*common.KeyValue {
	var out []*common.KeyValue
	for _, a := range list {
		v := &common.AnyValue{}
		switch a.Value.Type() {
		case attribute.INT64:
			v.Value = &common.AnyValue_IntValue{IntValue: a.Value.AsInt64()}
		case attribute.FLOAT64:
			v.Value = &common.AnyValue_DoubleValue{DoubleValue: a.Value.AsFloat64()}
		default:
			v.Value = &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(a.Value.String(), "?")}
		}
		out = append(out, &common.KeyValue{Key: string(a.Key), Value: v})
	}
	return out
}
