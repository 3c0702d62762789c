package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/tinygrow/tinygrow/proto"
)

// Options of Init and Renew. Dir and Hosts must be given.
type Options struct {
	Dir string
	// Hosts are the names and addresses under which clients reach the server.
	Hosts []string
	// Days is how long the server's certificate lasts; 0: 397. The authority lasts ten years.
	Days int
	// ServerDir is where the NATS server will find the files of nats/;
	// empty: where they are written.
	ServerDir string
	// Store is where the NATS server keeps what lasts; empty: DIR/jetstream.
	Store string
	// Owner gets the files, if not nil; that needs the right to give files away.
	Owner *Owner
	// Now is the present; the zero value is the clock's.
	Now time.Time
}

// Owner is a user and a group by number.
type Owner struct{ UID, GID int }

// ErrExists is returned by Init when the directory holds keys already.
var ErrExists = errors.New("there are keys already")

// seedFile and authorityFile are what each role's directory holds.
const (
	confFile      = "nats/server.conf"
	seedFile      = "seed.nk"
	authorityFile = "ca.crt"
)

// Seed returns the file of the key that a role in dir connects with.
func Seed(dir string, r proto.Role) string { return filepath.Join(dir, string(r), seedFile) }

// Authority returns the file of the certificate by which that role knows the server.
func Authority(dir string, r proto.Role) string { return filepath.Join(dir, string(r), authorityFile) }

// Validate returns all faults at once, or nil.
func (o Options) Validate() error {
	var faults []error
	if o.Dir == "" {
		faults = append(faults, errors.New("the directory for the keys is missing"))
	}
	if len(o.Hosts) == 0 {
		faults = append(faults,
			errors.New("the NATS server's names are missing: --host NAME, once for each name or address that clients use"))
	}
	for _, h := range o.Hosts {
		faults = append(faults, checkHost(h))
	}
	if o.Days < 0 || o.Days > 3650 {
		faults = append(faults, fmt.Errorf("days %d: must be 0 to 3650", o.Days))
	}
	return errors.Join(faults...)
}

func (o Options) withDefaults() (Options, error) {
	abs, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, err
	}
	if o.Days == 0 {
		o.Days = 397
	}
	if o.ServerDir == "" {
		o.ServerDir = filepath.Join(abs, "nats")
	}
	if o.Store == "" {
		o.Store = filepath.Join(abs, "jetstream")
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	return o, nil
}

// Init makes everything anew. It returns ErrExists, and changes nothing, if
// any of its files is there.
func Init(o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	ca, err := newAuthority(o.Now, 10)
	if err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	files, err := o.serverFiles(ca)
	if err != nil {
		return err
	}
	key, err := keyPEM(ca.key)
	if err != nil {
		return err
	}
	files = append(files, file{"ca/ca.key", key, true}, file{"ca/ca.crt", certPEM(ca.der), false})
	var holders []holder
	for _, r := range proto.Roles() {
		of, public, err := keyFiles(string(r), certPEM(ca.der))
		if err != nil {
			return err
		}
		holders = append(holders, holder{role: r, public: public})
		files = append(files, of...)
	}
	files = append(files, file{confFile, []byte(serverConf(o.ServerDir, holders)), false},
		file{"nats/nats.conf", []byte(natsConf(o.Store)), false})
	for _, f := range files {
		path := filepath.Join(o.Dir, f.name)
		switch _, err := os.Lstat(path); {
		case err == nil:
			return fmt.Errorf("%w: %s: choose another directory, or delete this one to cut off everybody who holds its keys",
				ErrExists, path)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return o.write(files)
}

// keyFiles makes a key, and the files of its holder's directory.
func keyFiles(dir string, authority []byte) (files []file, public string, err error) {
	seed, public, err := newSeed()
	if err != nil {
		return nil, "", fmt.Errorf("key of the %s: %w", dir, err)
	}
	return []file{{filepath.Join(dir, seedFile), seed, true}, {filepath.Join(dir, authorityFile), authority, false}}, public, nil
}

// Renew gives the server a new certificate of the same authority. Nothing
// else changes: clients need no new files.
func Renew(o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	ca, err := readAuthority(filepath.Join(o.Dir, "ca"))
	if err != nil {
		return fmt.Errorf("%w: renewing needs the directory that tinygrow auth init wrote, with its ca", err)
	}
	files, err := o.serverFiles(ca)
	if err != nil {
		return err
	}
	return o.write(files)
}

// Complete reports whether dir holds all that Init writes; earlier versions wrote no key
// of a reducer, which Add makes.
func Complete(dir string) bool {
	names := []string{"ca/ca.key", "ca/ca.crt", "nats/server.key", "nats/server.crt", confFile}
	for _, r := range proto.Roles() {
		if r == proto.ReducerRole {
			continue
		}
		names = append(names, filepath.Join(string(r), seedFile), filepath.Join(string(r), authorityFile))
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// serverFiles are a certificate and its key.
func (o Options) serverFiles(ca *authority) ([]file, error) {
	der, key, err := ca.server(o.Now, o.Hosts, o.Days)
	if err != nil {
		return nil, fmt.Errorf("certificate of the server: %w", err)
	}
	secret, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	return []file{{"nats/server.key", secret, true}, {"nats/server.crt", certPEM(der), false}, {"nats/ca.crt", certPEM(ca.der), false}}, nil
}

// newSeed makes an nkey pair of a user.
func newSeed() (seed []byte, public string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, "", err
	}
	if seed, err = pair.Seed(); err != nil {
		return nil, "", err
	}
	public, err = pair.PublicKey()
	return append(seed, '\n'), public, err
}
