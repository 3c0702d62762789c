package bus

import (
	"net/url"
	"slices"
	"strings"
)

// hidden stands for what must not be seen.
const hidden = "xxxxx"

// Redact returns a list of addresses as it may be shown: of what stands before
// the @ of each, which may be a token, a user or a password, nothing is left.
// It does not need to be well formed.
func Redact(list string) string {
	parts := strings.Split(list, ",")
	for i, part := range parts {
		if start, end := credentials(part); end > start {
			parts[i] = part[:start] + hidden + part[end:]
		}
	}
	return strings.Join(parts, ",")
}

// Bare returns a list of addresses without what stands before the @ of each.
func Bare(list string) string {
	parts := strings.Split(list, ",")
	for i, part := range parts {
		if start, end := credentials(part); end > start {
			parts[i] = part[:start] + part[end+1:]
		}
	}
	return strings.Join(parts, ",")
}

// credentials returns where in an address they stand: from behind the scheme
// to the last @. A password may hold any character but the comma.
func credentials(address string) (start, end int) {
	if i := strings.Index(address, "://"); i >= 0 {
		start = i + len("://")
	}
	return start, strings.LastIndex(address, "@")
}

// secrets returns every text in a list of addresses that must not be seen:
// tokens, passwords, both as written and as meant, and the pairs.
func secrets(list string) []string {
	var out []string
	add := func(text string) {
		out = append(out, text)
		if meant, err := url.PathUnescape(text); err == nil && meant != text {
			out = append(out, meant)
		}
	}
	for _, part := range strings.Split(list, ",") {
		start, end := credentials(part)
		if end <= start {
			continue
		}
		add(part[start:end])
		if _, password, ok := strings.Cut(part[start:end], ":"); ok && password != "" {
			add(password)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return len(b) - len(a) }) // whole pairs before their parts
	return out
}

// redacted is an error whose text shows no credentials of an address.
type redacted struct {
	error
	text string
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.error }

// RedactError hides the credentials of a list of addresses in the text of an error.
func RedactError(err error, list string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range secrets(list) {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	if text == err.Error() {
		return err
	}
	return redacted{err, text}
}
