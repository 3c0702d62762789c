// Package serve answers over HTTP what a trained network says of pictures.
//
//	POST /predict[?top=K]  the bytes of a picture; answers {"top": [{"class", "index", "probability"}, ...]}
//	GET  /model            what the network reads and tells apart, and its digest
//	GET  /health           200 while pictures are taken, 503 once the server ends
//	GET  /metrics          counts and durations, in the text format of Prometheus
//
// Faults are answered by {"error": "..."}: 400 for what is no whole picture, 413 for too
// many bytes or pixels, which are looked at before anything is decoded, 415 for a format that is not
// read, 503 with Retry-After where too many pictures wait already or one waited too long.
//
// Pictures that come at about the same time are evaluated together: that costs
// hardly more than one, and gives each the bits that it has alone.
//
// Everything is bounded: connections in work by Config.Queue, bytes of each by
// Config.Body, pixels by Config.Pixels, time by Config.Timeout. Threads: one goroutine of net/http for each
// connection, and Config.Threads goroutines that evaluate; Run joins all of them before it returns.
//
// It knows no users and no TLS: whoever reaches the address may ask. A proxy in front adds both.
package serve
