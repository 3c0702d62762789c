package main

import (
	"strings"
	"text/template"
)

// A call is a Go function that runs the body of the active instruction set on
// extents that its callers have checked.
type call struct {
	name   string // name of the body, without its target
	params string // parameters of the Go function
	kind   string // name of its template
	args   string // arguments of the body, without its counts
	relu   bool   // whether there is a second body, with a ReLU, that a parameter relu asks for
	length string // the slice whose elements are counted, of kinds rows and vectors
}

// calls are the passes that are no functions of each element.
var calls = []call{
	{name: "raise", params: "m, v []float32", kind: "rows", args: "&m[0], &v[0]", length: "m"},
	{name: "claim", params: "dx, rest, x, m []float32", kind: "rows", args: "&dx[0], &rest[0], &x[0], &m[0]", length: "dx"},
	{name: "addScaled", params: "y, x []float32, scale *float32", kind: "rows", args: "&y[0], &x[0], scale", length: "y"},

	{name: "norm", params: "y, x, k []float32, relu bool", kind: "pixels", args: "&y[0], &x[0], &k[0]", relu: true},
	{name: "normAdd", params: "y, x, skip, k []float32, relu bool", kind: "pixels",
		args: "&y[0], &x[0], &skip[0], &k[0]", relu: true},
	{name: "normBackward", params: "dx, dy, x, k []float32, relu bool", kind: "pixels",
		args: "&dx[0], &dy[0], &x[0], &k[0]", relu: true},

	{name: "moments", params: "s, q, x, k []float32", kind: "channels", args: "&s[r], &q[r], &x[r]"},
	{name: "normSums", params: "s, q, dy, x, k []float32, relu bool", kind: "channels", args: "&s[r], &q[r], &dy[r], &x[r]", relu: true},

	{name: "normMaxPool", params: "y, x, k []float32, w Window, blocks int", kind: "tiles", args: "&y[small], &x[large]"},
	{name: "normMaxPoolSums", params: "s, q, dy, x, k []float32, w Window, blocks int", kind: "tiles",
		args: "&s[0], &q[0], &dy[small], &x[large]"},
	{name: "normMaxPoolBackward", params: "dx, dy, x, k []float32, w Window, blocks int", kind: "tiles",
		args: "&dx[large], &dy[small], &x[large]"},

	{name: "sgdPlain", params: "param, grad, velocity, coefs []float32", kind: "vectors",
		args: "&param[0], &grad[0], &velocity[0], &coefs[0]", length: "param"},
	{name: "sgdMomentum", params: "param, grad, velocity, coefs []float32", kind: "vectors",
		args: "&param[0], &grad[0], &velocity[0], &coefs[0]", length: "param"},
	{name: "sgdNesterov", params: "param, grad, velocity, coefs []float32", kind: "vectors",
		args: "&param[0], &grad[0], &velocity[0], &coefs[0]", length: "param"},
	{name: "adamW", params: "param, grad, m, v, coefs []float32", kind: "vectors",
		args: "&param[0], &grad[0], &m[0], &v[0], &coefs[0]", length: "param"},

	{name: "roundFP16", params: "out, x, coefs []float32", kind: "vectors", args: "&out[0], &x[0], &coefs[0]", length: "out"},
	{name: "addFP16", params: "out, a, b, coefs []float32", kind: "vectors", args: "&out[0], &a[0], &b[0], &coefs[0]", length: "out"},
	{name: "packFP16", params: "out []uint16, x, coefs []float32", kind: "vectors", args: "&out[0], &x[0], &coefs[0]", length: "out"},
	{name: "unpackFP16", params: "out []float32, x []uint16, coefs []float32", kind: "vectors",
		args: "&out[0], &x[0], &coefs[0]", length: "out"},

	{name: "roundBF16", params: "out, x, coefs []float32", kind: "vectors", args: "&out[0], &x[0], &coefs[0]", length: "out"},
	{name: "addBF16", params: "out, a, b, coefs []float32", kind: "vectors", args: "&out[0], &a[0], &b[0], &coefs[0]", length: "out"},
	{name: "packBF16", params: "out []uint16, x, coefs []float32", kind: "vectors", args: "&out[0], &x[0], &coefs[0]", length: "out"},
	{name: "unpackBF16", params: "out []float32, x []uint16, coefs []float32", kind: "vectors",
		args: "&out[0], &x[0], &coefs[0]", length: "out"},
}

// callKinds are the templates of calls: rows and vectors return how many
// elements they did, the others whether they did their work.
var callKinds = template.Must(template.New("").Funcs(template.FuncMap{"suffixes": suffixes}).Parse(`
{{define "rows"}}
func {{.Name}}SIMD({{.Params}}) int {
	n := len({{.Length}}) / lanes
	if n == 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		{{.Name}}AVX512({{.Args}}, n)
	case AVX2:
		{{.Name}}AVX2({{.Args}}, n)
	default:
		return 0
	}
	return n * lanes
}
{{end}}

{{define "vectors"}}
func {{.Name}}SIMD({{.Params}}) int {
	isa := Active()
	n := len({{.Length}}) / vectorLen(isa)
	if n == 0 {
		return 0
	}
	switch isa {
	case AVX512:
		{{.Name}}AVX512({{.Args}}, n)
	case AVX2:
		{{.Name}}AVX2({{.Args}}, n)
	default:
		return 0
	}
	return n * vectorLen(isa)
}
{{end}}

{{define "pixels"}}
func {{.Name}}SIMD({{.Params}}) bool {
	p, c := extent(x, k)
	if p == 0 {
		return false
	}
	switch isa := Active(); {
	{{range suffixes .Relu}}case isa == AVX512{{.Condition}}:
		{{$.Name}}{{.Suffix}}AVX512({{$.Args}}, p, c)
	case isa == AVX2{{.Condition}}:
		{{$.Name}}{{.Suffix}}AVX2({{$.Args}}, p, c)
	{{end}}default:
		return false
	}
	return true
}
{{end}}

{{define "channels"}}
func {{.Name}}SIMD({{.Params}}) bool {
	p, c := extent(x, k)
	isa := Active()
	if p == 0 || isa == Generic {
		return false
	}
	stride := 4 * c * lanes
	for j := 0; j < c; {
		r, kr, step := j*lanes, &k[j*NormCoefs], 1
		switch wide := isa == AVX512 && c-j >= channelGroup; {
		{{range suffixes .Relu}}case wide{{.Condition}}:
			{{$.Name}}{{.Suffix}}GroupAVX512({{$.Args}}, kr, p, stride)
			step = channelGroup
		case isa == AVX512{{.Condition}}:
			{{$.Name}}{{.Suffix}}AVX512({{$.Args}}, kr, p, stride)
		case isa == AVX2{{.Condition}}:
			{{$.Name}}{{.Suffix}}AVX2({{$.Args}}, kr, p, stride)
		{{end}}}
		j += step
	}
	return true
}
{{end}}

{{define "tiles"}}
func {{.Name}}SIMD({{.Params}}) bool {
	pixel := 4 * w.C * lanes
	return poolRows(w, blocks, func(isa ISA, large, small int) {
		if isa == AVX512 {
			{{.Name}}2AVX512({{.Args}}, &k[0], w.OutW(), w.C, pixel, w.W*pixel)
		} else {
			{{.Name}}2AVX2({{.Args}}, &k[0], w.OutW(), w.C, pixel, w.W*pixel)
		}
	})
}
{{end}}`))

// suffix is a variant of a body and when it is meant.
type suffix struct{ Suffix, Condition string }

func suffixes(relu bool) []suffix {
	if relu {
		return []suffix{{"ReLU", " && relu"}, {"", ""}}
	}
	return []suffix{{"", ""}}
}

// write returns the Go function of the call.
func (c call) write(b *strings.Builder) error {
	return callKinds.ExecuteTemplate(b, c.kind, map[string]any{
		"Name": c.name, "Params": c.params, "Args": c.args, "Relu": c.relu, "Length": c.length})
}

// stub returns what stands for the call where there is no assembly.
func (c call) stub() string {
	if c.length != "" {
		return "func " + c.name + "SIMD(" + c.params + ") int { return 0 }\n"
	}
	return "func " + c.name + "SIMD(" + c.params + ") bool { return false }\n"
}
