package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/auth"
	"github.com/tinygrow/tinygrow/proto"
)

func newAuth() *cobra.Command {
	c := &cobra.Command{
		Use:     "auth",
		Short:   "Make the keys and certificates of a NATS server and its clients",
		Example: "  tinygrow auth init keys --host nats.example.org --host 10.0.0.5",
		Args:    commandsOnly,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAuthInit(), newAuthAdd(), newAuthUpdate(), newAuthRenew())
	return c
}

func newAuthInit() *cobra.Command {
	var o auth.Options
	var owner string
	var give []string
	var ifMissing bool
	c := &cobra.Command{
		Use:   "init DIR",
		Short: "Make a certificate authority, a server certificate and a key for each role",
		Long: `Writes into DIR, one directory for each machine that needs it:

  ca/           the certificate authority with its key: keep it where you are
  nats/         certificate and configuration of the NATS server: nats-server -c DIR/nats/nats.conf
  coordinator/  seed.nk and ca.crt: tinygrow coordinator --creds .../seed.nk --ca .../ca.crt
  worker/       the same for the workers of one machine, who may write neither weights nor tasks
  reducer/      the same for the reducers of one machine, who write weights and read all gradients
  viewer/       the same for programs that only look on

Each further machine of workers gets a key of its own: tinygrow auth add DIR NAME. Workers that share a key
are one to all others: they can speak in each other's names, and have one voice where workers disagree.
To cut one key off, as after it was lost, take its entry out of nats/server.conf and let the server read that.
Nothing is overwritten. To renew the server's certificate before it ends: tinygrow auth renew DIR. To
change all keys: make a new directory, hand out its files, restart the NATS server
with the new nats/, then coordinator and workers; the run goes on from its last checkpoint.`,
		Example: "  tinygrow auth init keys --host nats.example.org --host 10.0.0.5\n" +
			"  tinygrow auth init keys --host localhost --host 127.0.0.1",
		Args: oneArg("the directory for the keys"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Dir = args[0]
			if err := o.Validate(); err != nil {
				return as(exitUsage, err)
			}
			if owner != "" {
				var who auth.Owner
				if n, err := fmt.Sscanf(owner, "%d:%d", &who.UID, &who.GID); n != 2 || err != nil || who.UID < 0 || who.GID < 0 {
					return usagef("--owner %s: must be UID:GID in numbers, as 1000:1000", owner)
				}
				o.Owner = &who
				for _, dir := range give {
					if err := auth.Give(dir, who); err != nil {
						return err
					}
				}
			}
			if ifMissing && auth.Complete(o.Dir) {
				fmt.Fprintf(c.ErrOrStderr(), "%s holds all keys already\n", o.Dir)
				return updateKeys(c, o)
			}
			if err := auth.Init(o); err != nil {
				return keysFault(err)
			}
			fmt.Fprintf(c.ErrOrStderr(), "keys for %s are in %s\nstart the server with: nats-server -c %s\n", strings.Join(o.Hosts, ", "),
				o.Dir, filepath.Join(o.Dir, "nats", "nats.conf"))
			return nil
		},
	}
	certificateFlags(c, &o)
	f := c.Flags()
	f.StringVar(&o.ServerDir, "server-dir", "", "`directory` in which the NATS server will find the files of nats/ (default: DIR/nats)")
	f.StringVar(&o.Store, "store", "", "`directory` in which the NATS server keeps its streams (default: DIR/jetstream)")
	f.StringVar(&owner, "owner", "", "give the files to `UID:GID`; needs root")
	f.StringArrayVar(&give, "give", nil, "give a `directory` to --owner too, if it is root's; may be repeated")
	f.BoolVar(&ifMissing, "if-missing", false, "succeed without doing anything if all keys are there")
	return c
}

func newAuthAdd() *cobra.Command {
	role := string(proto.WorkerRole)
	c := &cobra.Command{
		Use:   "add DIR NAME",
		Short: "Make a key of its own for one more machine of workers or reducers",
		Long: `Writes seed.nk and ca.crt into DIR/workers/NAME, and the key's rights into DIR/nats/server.conf. Copy the former
to the machine and the latter to the NATS server, and let that read it with: nats-server --signal reload
(or: docker kill -s HUP CONTAINER, kill -HUP PID). Nobody who is connected is interrupted.
With --role reducer it is a key for tinygrow reducer, in DIR/reducers/NAME.`,
		Example: "  tinygrow auth add keys node7\n" +
			"  tinygrow worker --nats nats://nats.example.org:4222 --creds keys/workers/node7/seed.nk --ca keys/workers/node7/ca.crt",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("give the directory that auth init wrote, and a name for the key")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			dir, name, r := args[0], args[1], proto.Role(role)
			if err := proto.Key(name).Validate(); err != nil {
				return as(exitUsage, err)
			}
			if r != proto.WorkerRole && r != proto.ReducerRole {
				return usagef("--role %s: must be worker or reducer", role)
			}
			if err := auth.Add(auth.Options{Dir: dir}, r, name); err != nil {
				return keysFault(err)
			}
			fmt.Fprintf(c.ErrOrStderr(), "the key of %s is in %s\n%s", name, auth.KeyDir(dir, r, proto.Key(name)), reloadAdvice(dir))
			return nil
		},
	}
	c.Flags().StringVar(&role, "role", role, "`role` of the key: worker or reducer")
	return c
}

func newAuthUpdate() *cobra.Command {
	return &cobra.Command{
		Use:   "update DIR",
		Short: "Write the server's configuration anew, with the rights of this version for the same keys",
		Long: `Keys that another version of tinygrow made stay good; what the server permits them may have to change. Writes
DIR/nats/server.conf; the server reads it after nats-server --signal reload.`,
		Example: "  tinygrow auth update keys",
		Args:    oneArg("the directory that auth init wrote"),
		RunE:    func(c *cobra.Command, args []string) error { return updateKeys(c, auth.Options{Dir: args[0]}) },
	}
}

// keysFault tells a directory that is not the right one from other failures.
func keysFault(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, auth.ErrExists) {
		return as(exitUsage, err)
	}
	return err
}

// updateKeys gives the keys of a directory the rights of this version.
func updateKeys(c *cobra.Command, o auth.Options) error {
	changed, err := auth.Update(o)
	if changed {
		fmt.Fprintf(c.ErrOrStderr(), "%s has the rights of this version now\n%s", filepath.Join(o.Dir, "nats", "server.conf"),
			reloadAdvice(o.Dir))
	}
	return keysFault(err)
}

func reloadAdvice(dir string) string {
	return fmt.Sprintf("let the NATS server read %s: nats-server --signal reload\n", filepath.Join(dir, "nats", "server.conf"))
}

func newAuthRenew() *cobra.Command {
	var o auth.Options
	c := &cobra.Command{
		Use:   "renew DIR",
		Short: "Give the NATS server a new certificate of the same authority",
		Long: `Writes a new certificate and key into DIR/nats. Coordinator and workers need no new files. Let the server
read it with: nats-server --signal reload`,
		Example: "  tinygrow auth renew keys --host nats.example.org --host 10.0.0.5",
		Args:    oneArg("the directory that auth init wrote"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Dir = args[0]
			if err := o.Validate(); err != nil {
				return as(exitUsage, err)
			}
			if err := auth.Renew(o); err != nil {
				return keysFault(err)
			}
			end, err := auth.Expiry(filepath.Join(o.Dir, "nats", "server.crt"))
			if err != nil {
				return keysFault(err)
			}
			fmt.Fprintf(c.ErrOrStderr(), "the certificate for %s lasts until %s\n", strings.Join(o.Hosts, ", "), end.Format("2006-01-02"))
			return nil
		},
	}
	certificateFlags(c, &o)
	return c
}

func certificateFlags(c *cobra.Command, o *auth.Options) {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	c.Flags().StringArrayVar(&o.Hosts, "host", nil, "`name` or address under which clients reach the NATS server, as "+name+
		"; may be repeated")
	c.Flags().IntVar(&o.Days, "days", 397, "days that the server's certificate lasts")
}
