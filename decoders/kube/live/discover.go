package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/kube"
)

// maxKinds bounds what one cluster may say that it serves.
const maxKinds = 10_000

// asDiscovery asks for all groups in one answer, which servers since 1.26 can give.
const asDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

// Served is what a cluster serves that can be listed and deleted: what is there, and
// not what is only worked out (metrics) or only asked (reviews).
type Served struct {
	Kinds []kube.Kind
	// Silent are groups that are known, and whose server does not answer.
	Silent []string
}

// Kinds asks a server what it serves.
func (s *Server) Kinds(ctx context.Context) (Served, error) {
	var out Served
	for _, root := range []string{"/api", "/apis"} {
		body, err := s.get(ctx, root, nil, asDiscovery)
		if err != nil {
			return out, fmt.Errorf("asking what is served at %s: %w", root, err)
		}
		if err := s.served(ctx, &out, root, body); err != nil {
			return out, err
		}
	}
	if len(out.Kinds) > maxKinds {
		return out, fmt.Errorf("it serves %d kinds; the bound is %d", len(out.Kinds), maxKinds)
	}
	return out, nil
}

type discovery struct {
	Kind  string
	Items []struct {
		Metadata struct{ Name string }
		Versions []struct {
			Version   string
			Freshness string
			Resources []struct {
				Resource     string
				ResponseKind struct{ Group, Kind string }
				Scope        string
				Verbs        []string
			}
		}
	}
	Versions []string // of APIVersions
	Groups   []struct {
		Name     string
		Versions []struct{ Version string }
	}
}

func (s *Server) served(ctx context.Context, out *Served, root string, body []byte) error {
	var d discovery
	if err := json.Unmarshal(body, &d); err != nil {
		return fmt.Errorf("reading what is served at %s: %w", root, err)
	}
	switch d.Kind {
	case "APIGroupDiscoveryList":
		for _, g := range d.Items {
			for _, v := range g.Versions {
				if v.Freshness == "Stale" {
					out.silent(g.Metadata.Name)
				}
				for _, r := range v.Resources {
					out.add(kube.Kind{Group: g.Metadata.Name, Version: v.Version, Resource: r.Resource, Kind: r.ResponseKind.Kind, Namespaced: r.Scope == "Namespaced"}, r.Verbs)
				}
			}
		}
	case "APIVersions":
		for _, v := range d.Versions {
			s.version(ctx, out, root+"/"+v, "", v)
		}
	case "APIGroupList":
		for _, g := range d.Groups {
			for _, v := range g.Versions {
				s.version(ctx, out, root+"/"+g.Name+"/"+v.Version, g.Name, v.Version)
			}
		}
	default:
		return fmt.Errorf("reading what is served at %s: it is a %q", root, d.Kind)
	}
	return nil
}

// version asks an older server for one version of a group.
func (s *Server) version(ctx context.Context, out *Served, path, group, version string) {
	var list struct {
		Resources []struct {
			Name, Kind string
			Namespaced bool
			Verbs      []string
		}
	}
	body, err := s.get(ctx, path, nil, "application/json")
	if err != nil || json.Unmarshal(body, &list) != nil {
		out.silent(group)
		return
	}
	for _, r := range list.Resources {
		out.add(kube.Kind{Group: group, Version: version, Resource: r.Name, Kind: r.Kind, Namespaced: r.Namespaced}, r.Verbs)
	}
}

func (out *Served) silent(group string) {
	if !slices.Contains(out.Silent, group) {
		out.Silent = append(out.Silent, group)
	}
}

// add takes a kind in the version that the server names first.
func (out *Served) add(k kube.Kind, verbs []string) {
	if strings.Contains(k.Resource, "/") || !slices.Contains(verbs, "list") || !slices.Contains(verbs, "delete") || passing(k) {
		return
	}
	if !slices.ContainsFunc(out.Kinds, func(o kube.Kind) bool { return o.Group == k.Group && o.Resource == k.Resource }) {
		out.Kinds = append(out.Kinds, k)
	}
}

// passing: a log and a heartbeat are not things that exist.
func passing(k kube.Kind) bool {
	switch k.Group + "/" + k.Resource {
	case "/events", "events.k8s.io/events", "coordination.k8s.io/leases", "coordination.k8s.io/leasecandidates":
		return true
	}
	return k.Group == "extensions" // the same objects as in networking.k8s.io
}
