package proto

import "testing"

// A digest is that of all bytes, in whatever order their spans are hashed, and
// of what is computed over which samples.
func TestDigestIsOfAllBytes(t *testing.T) {
	data := make([]byte, 3*DigestSpan/2)
	for i := range data {
		data[i] = byte(i * 7)
	}
	want := DigestOf(data)
	s := NewSpans(len(data))
	for i := len(s) - 1; i >= 0; i-- {
		s.Hash(i, data)
	}
	if s.Digest() != want {
		t.Error("spans hashed backwards give another digest")
	}
	for _, i := range []int{0, DigestSpan - 1, DigestSpan, len(data) - 1} {
		data[i]++
		if DigestOf(data) == want {
			t.Errorf("byte %d does not count", i)
		}
		data[i]--
	}
	if DigestOf(nil) == DigestOf([]byte{0}) || DigestOf(data[:DigestSpan]) == want {
		t.Error("the length does not count")
	}
}

func TestInputsTellRoundsApart(t *testing.T) {
	spec := RoundSpec{Kind: Gradient, Generation: 1, Step: 2, Order: Order{"train", "epoch", 1, 2, 3}, Offset: 4, Count: 5, MicroShard: 6}
	g, w, q := Digest{1}, Digest{2}, Digest{3}
	seen := map[Digest]string{spec.Inputs(g, w, q): "the round"}
	for name, in := range map[string]Digest{
		"graph": spec.Inputs(Digest{9}, w, q), "weights": spec.Inputs(g, Digest{9}, q), "request": spec.Inputs(g, w, Digest{9}),
		"order of blobs": spec.Inputs(w, g, q),
		"kind":           func() Digest { s := spec; s.Kind = Evaluate; return s.Inputs(g, w, q) }(),
		"generation":     func() Digest { s := spec; s.Generation++; return s.Inputs(g, w, q) }(),
		"step":           func() Digest { s := spec; s.Step++; return s.Inputs(g, w, q) }(),
		"split":          func() Digest { s := spec; s.Order.Split = "test"; return s.Inputs(g, w, q) }(),
		"stream":         func() Digest { s := spec; s.Order.Stream = "growth"; return s.Inputs(g, w, q) }(),
		"seed":           func() Digest { s := spec; s.Order.Seed++; return s.Inputs(g, w, q) }(),
		"epoch":          func() Digest { s := spec; s.Order.Index++; return s.Inputs(g, w, q) }(),
		"held out":       func() Digest { s := spec; s.Order.Held++; return s.Inputs(g, w, q) }(),
		"offset":         func() Digest { s := spec; s.Offset++; return s.Inputs(g, w, q) }(),
		"count":          func() Digest { s := spec; s.Count++; return s.Inputs(g, w, q) }(),
		"micro-shard":    func() Digest { s := spec; s.MicroShard++; return s.Inputs(g, w, q) }(),
		"augment":        func() Digest { s := spec; s.Augment = Move; return s.Inputs(g, w, q) }(),
		"halves":         func() Digest { s := spec; s.Halves = true; return s.Inputs(g, w, q) }(),
		"local":          localInputs(spec, LocalSpec{2, 5, 7, BlobRef{}}),
		"replicas":       localInputs(spec, LocalSpec{3, 5, 7, BlobRef{}}),
		"local steps":    localInputs(spec, LocalSpec{2, 6, 7, BlobRef{}}),
		"update":         localInputs(spec, LocalSpec{2, 5, 8, BlobRef{}}),
		"plan":           localInputs(spec, LocalSpec{2, 5, 7, BlobRef{Digest: Digest{4}}}),
	} {
		if other, ok := seen[in]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[in] = name
	}
	same := spec
	same.Round = 77 // a number, not an input
	if seen[same.Inputs(g, w, q)] != "the round" {
		t.Error("the number of the round counts")
	}
}
