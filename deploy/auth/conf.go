package auth

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/deploy"
	"github.com/tinygrow/tinygrow/proto"
)

// holder is somebody who has a key.
type holder struct {
	role   proto.Role
	name   string // name of a key of a worker or reducer beside the first; empty: there is none
	public string
}

// serverConf renders server.conf: the server's certificate and what each key
// may do. dir is where the server will find its files. readConf understands it.
func serverConf(dir string, holders []holder) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Written by tinygrow auth; included by nats.conf. To cut a key off, take its entry out and reload the server.
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
	for _, h := range holders {
		r := h.role.Rights(proto.KeyOfNkey(h.public))
		fmt.Fprintf(&b, "    { # %s\n      nkey: %s\n      permissions: {\n"+
			"        publish: { allow: %s }\n        subscribe: { allow: %s }\n      }\n    }\n",
			strings.TrimSpace(string(h.role)+" "+h.name), h.public, list(r.Publish), list(r.Subscribe))
	}
	b.WriteString("  ]\n}\n")
	return b.String()
}

var (
	holderEntry = regexp.MustCompile(`\{ # (\w+) ?([\w-]*)\n\s+nkey: (U[A-Z2-7]{55})\n`)
	certEntry   = regexp.MustCompile(`\n\s+cert_file: (".*")\n`)
)

// readConf reads what serverConf wrote, also that of earlier versions.
func readConf(text string) (dir string, holders []holder, err error) {
	if m := certEntry.FindStringSubmatch(text); m != nil {
		dir, err = strconv.Unquote(m[1])
	}
	for _, m := range holderEntry.FindAllStringSubmatch(text, -1) {
		holders = append(holders, holder{proto.Role(m[1]), m[2], m[3]})
	}
	if err != nil || dir == "" || len(holders) < len(proto.Roles())-1 {
		return "", nil, errors.New("this is no server.conf of tinygrow auth: make a new directory with tinygrow auth init")
	}
	return filepath.Dir(dir), holders, nil
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
