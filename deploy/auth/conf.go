package auth

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/deploy"
	"github.com/tinygrow/tinygrow/proto"
)

// serverConf renders server.conf: the server's certificate and what each key
// may do. dir is where the server will find its files.
func serverConf(dir string, keys map[proto.Role]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Written by tinygrow auth init; included by nats.conf.
tls {
  cert_file: %s
  key_file: %s
  min_version: "1.3"
  timeout: 5
}

authorization {
  timeout: 5
  users: [
`, strconv.Quote(filepath.Join(dir, "server.crt")), strconv.Quote(filepath.Join(dir, "server.key")))
	for _, role := range proto.Roles() {
		r := role.Rights()
		fmt.Fprintf(&b, "    { # %s\n      nkey: %s\n      permissions: {\n        publish: { allow: %s }\n        subscribe: { allow: %s }\n",
			role, keys[role], list(r.Publish), list(r.Subscribe))
		if r.Respond {
			b.WriteString("        allow_responses: { max: 1, expires: \"1m\" }\n")
		}
		b.WriteString("      }\n    }\n")
	}
	b.WriteString("  ]\n}\n")
	return b.String()
}

func list(subjects []string) string {
	quoted := make([]string, len(subjects))
	for i, s := range subjects {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// natsConf is the shipped nats.conf for a server that keeps its files in store
// and finds server.conf beside it.
func natsConf(store string) string {
	return strings.NewReplacer(
		"# in auth/server.conf, which", "# in server.conf, which",
		`store_dir: "/data"`, "store_dir: "+strconv.Quote(store),
		"include auth/server.conf", "include server.conf",
	).Replace(deploy.NATSConf)
}
