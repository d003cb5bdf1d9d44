package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/model"
)

// decoded is one line of `assent decode`: see docs/json.md.
type decoded struct {
	Platform   string           `json:"platform"`
	Service    string           `json:"service"`
	Operation  string           `json:"operation"`
	Verb       model.Verb       `json:"verb"`
	Capability string           `json:"capability"`
	Account    string           `json:"account"`
	Region     string           `json:"region"`
	Targets    []model.Target   `json:"targets"`
	Params     json.RawMessage  `json:"params"`
	Props      []model.Property `json:"props,omitempty"`
	Unknown    []string         `json:"unknown"`
	Fidelity   model.Fidelity   `json:"fidelity"`
	DryRun     bool             `json:"dry_run"`
	Parts      []decoded        `json:"parts"`
	Where      string           `json:"where,omitempty"`
	AWS        json.RawMessage  `json:"aws,omitempty"`
	Kubernetes json.RawMessage  `json:"kubernetes,omitempty"`
}

func newDecoded(a model.Action) decoded {
	d := decoded{
		Platform: a.Platform, Service: a.Service, Operation: a.Operation, Verb: a.Verb, Capability: a.Capability,
		Account: a.Account, Region: a.Region, Targets: a.Targets, Params: a.Params, Props: a.Props, Unknown: a.Unknown,
		Fidelity: a.Fidelity, DryRun: a.DryRun, Parts: []decoded{}, Where: a.Where,
	}
	if d.Targets == nil {
		d.Targets = []model.Target{}
	}
	if len(d.Params) == 0 {
		d.Params = json.RawMessage("{}")
	}
	if d.Unknown == nil {
		d.Unknown = []string{}
	}
	for _, p := range a.Parts {
		d.Parts = append(d.Parts, newDecoded(p))
	}
	switch a.Platform {
	case aws.Name:
		d.AWS = a.Native
	case "kubernetes":
		d.Kubernetes = a.Native
	}
	return d
}

// failure is the line for a request that could not be decoded.
type failure struct {
	Error string `json:"error"`
}

func (a *App) decodeCommand() *cobra.Command {
	var secrets bool
	cmd := &cobra.Command{
		Use:   "decode",
		Short: "Say what requests would do: JSON lines in, JSON lines out",
		Long: `Reads requests as JSON lines on stdin and writes one JSON line each, in order: what the request would do, or
{"error": …}. Nothing is sent anywhere. The shapes are in docs/json.md.

  echo '{"method":"PUT","url":"https://acme.s3.us-east-1.amazonaws.com/","headers":{},"body_b64":""}' | assent decode`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.decode(cmd.Context(), secrets) },
	}
	cmd.Flags().BoolVar(&secrets, "show-secrets", false, "leave secret values in, for your own eyes")
	return cmd
}

func (a *App) decode(ctx context.Context, secrets bool) error {
	f, err := a.finder()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(a.Stdout, 64<<10)
	defer out.Flush()
	return eachLine(a.input(ctx), func(in request, bad error) error {
		action, err := f.decode(ctx, in, bad, secrets)
		var line any = newDecoded(action)
		if err != nil {
			line = failure{err.Error()}
		}
		if err := writeJSON(out, line); err != nil {
			return err
		}
		// Whoever writes a line and waits for its answer gets it; a file goes fast.
		return out.Flush()
	})
}

// decode understands one line; a panic in a decoder is that line's error.
func (f *finder) decode(ctx context.Context, in request, bad error, secrets bool) (action model.Action, err error) {
	if bad != nil {
		return model.Action{}, bad
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the decoder panicked: %v", r)
		}
	}()
	call, err := in.call()
	if err != nil {
		return model.Action{}, err
	}
	d, err := f.find(call)
	if err != nil {
		return model.Action{}, err
	}
	if clear, ok := d.(decoders.Transparent); ok && secrets {
		return clear.DecodeWithSecrets(ctx, call)
	}
	action, err = d.Decode(ctx, call)
	return (*model.Veil)(nil).Action(action), err
}

// finder makes what finds decoders, with the clusters that are configured.
func (a *App) finder() (*finder, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	clusters, err := a.clusters(cfg)
	if err != nil {
		return nil, err
	}
	amazon, bad, err := engine.Amazon(cfg.Tables)
	if err != nil {
		return nil, err
	}
	if bad != nil {
		a.note("note: the machine's own aws table is not used, but the embedded one: %v", bad)
	}
	registry, err := engine.RegistryWith(amazon, clusters, cfg.Governed)
	if err != nil {
		return nil, err
	}
	return newFinder(registry, amazon), nil
}

// clusters reads the clusters of the configured kubeconfig files.
func (a *App) clusters(cfg *config.Config) ([]engine.Cluster, error) {
	if len(cfg.Clusters) == 0 {
		return nil, nil
	}
	found, notes, err := setup.Clusters(cfg.Clusters)
	if err != nil {
		return nil, err
	}
	a.notes(notes)
	return engineClusters(found)
}

func engineClusters(found []setup.Cluster) ([]engine.Cluster, error) {
	all := make([]engine.Cluster, 0, len(found))
	for _, c := range found {
		server, err := url.Parse(c.Server)
		if err != nil {
			return nil, fmt.Errorf("cluster %s: %w", c.Name, err)
		}
		e := engine.Cluster{TLS: c.TLS, Token: c.Token}
		e.Name, e.PathPrefix = c.Name, strings.TrimSuffix(server.Path, "/")
		e.Host = strings.TrimSuffix(strings.ToLower(c.Host), ":443")
		all = append(all, e)
	}
	return all, nil
}

func (a *App) notes(notes []setup.Note) {
	for _, n := range notes {
		a.note("note: %s", n.Text)
		if n.Repair != "" {
			a.note("repair: %s", n.Repair)
		}
	}
}
