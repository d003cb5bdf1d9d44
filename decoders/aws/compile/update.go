package compile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// ErrOlder is returned for models that are older than those of the base.
var ErrOlder = errors.New("these models are older than the table's")

// Base is the table that an update goes out from.
type Base struct {
	Table    *table.Table
	Manifest table.Manifest
	// Overrides is overrides.yaml. Rows that name what the new models no longer
	// have are passed over.
	Overrides []byte
}

// Update compiles a table of newer models. src needs Botocore alone; what the
// other sources would give is the base's. What the base knows and the newer models
// no longer have stays, as retired: somebody may still send it.
//
// An operation whose access level neither src nor the base gives is unknown, which
// is judged as a change, whatever its name.
func Update(base Base, src Sources, force bool) (Result, error) {
	var err error
	if src.Botocore, err = packageFolder(src.Botocore); err != nil {
		return Result{}, err
	}
	sources, err := src.sources()
	if err != nil {
		return Result{}, err
	}
	isOlder := table.Manifest{Sources: sources}.OlderThan(base.Manifest)
	if isOlder && !force {
		return Result{}, fmt.Errorf("%w: botocore %s, and the table was made from %s", ErrOlder,
			sources[botocore].Version, base.Manifest.Sources[botocore].Version)
	}
	all, err := newer(base, src)
	if err != nil {
		return Result{}, err
	}
	for name, s := range base.Manifest.Sources {
		if _, ok := sources[name]; !ok {
			sources[name] = s
		}
	}
	res, err := finish(all, sources)
	res.Manifest.Forced = isOlder
	return res, err
}

// newer reads the newer models and lays them over the base.
func newer(base Base, src Sources) (all table.Contents, err error) {
	data := filepath.Join(src.Botocore, "data")
	if all.Partitions, err = readPartitions(filepath.Join(data, "partitions.json")); err != nil {
		return all, err
	}
	services, err := readServices(data, all.Partitions)
	if err != nil {
		return all, err
	}
	if len(services.infos) == 0 {
		return all, fmt.Errorf("reading botocore: no service models in %s", data)
	}
	all.Infos = services.infos
	if src.CFN != "" {
		all.CFN, err = readCFN(src.CFN)
	} else {
		all.CFN, err = base.Table.CFNTypes()
	}
	if err != nil {
		return all, err
	}
	if err := levels(base, src.IAM, all.Infos); err != nil {
		return all, err
	}
	known := map[string]*table.Info{}
	for _, info := range all.Infos {
		known[info.Name] = info
	}
	for _, old := range base.Table.Services() {
		s, err := old.Load()
		if err != nil {
			return all, err
		}
		if info, ok := known[old.Name]; ok {
			keep(info, s)
			continue
		}
		gone := &table.Info{Service: *s, SigningNames: old.SigningNames, HostLabels: old.HostLabels, BasePaths: old.BasePaths,
			Streams: old.Streams, HostPrefixed: old.HostPrefixed}
		_, still := live[old.Name]
		gone.Retired = !still
		all.Infos = append(all.Infos, gone)
	}
	sort.Slice(all.Infos, func(i, j int) bool { return all.Infos[i].Name < all.Infos[j].Name })
	return all, nil
}

// levels gives the operations their access levels: the reference's and the
// overrides' where there is a reference, the base's otherwise.
func levels(base Base, iam string, infos []*table.Info) error {
	if iam != "" {
		reference, err := readReference(filepath.Join(iam, "data"))
		if err != nil {
			return err
		}
		for _, info := range infos {
			reference.applyListed(info)
		}
	}
	for _, info := range infos {
		old, ok := base.Table.Service(info.Name)
		if !ok {
			continue
		}
		for _, t := range old.ResourceTypes {
			if !slices.ContainsFunc(info.ResourceTypes, func(r table.ResourceType) bool { return r.Name == t.Name }) {
				info.ResourceTypes = append(info.ResourceTypes, t)
			}
		}
		sort.Slice(info.ResourceTypes, func(i, j int) bool { return info.ResourceTypes[i].Name < info.ResourceTypes[j].Name })
		if len(info.IAMPrefixes) == 0 {
			info.IAMPrefixes = old.IAMPrefixes
		}
		for _, op := range info.Operations {
			if was, ok := old.Operation(op.Name); ok && len(op.IAMActions) == 0 {
				op.Access, op.AWSAccess, op.IAMActions, op.Resources = was.Access, was.AWSAccess, was.IAMActions, was.Resources
			}
		}
	}
	if iam == "" { // the base has the overrides in it
		return nil
	}
	rules, err := parseOverrides("overrides.yaml", base.Overrides)
	if err != nil {
		return err
	}
	return rules.apply(infos, true)
}

// keep gives a service what only the base has of it: operations that are gone,
// and the other paths of those that are not.
func keep(info *table.Info, old *table.Service) {
	info.Protocols = union(info.Protocols, old.Protocols)
	info.APIVersions = union(info.APIVersions, old.APIVersions)
	rest := slices.ContainsFunc(old.Protocols, func(p string) bool { return strings.HasPrefix(p, "rest-") })
	bound := bindings(info)
	var gone []*table.Operation
	for _, was := range old.Operations {
		today := table.Binding{Version: old.APIVersions[0], Method: was.Method, URI: was.URI}
		now, ok := info.Operation(was.Name)
		if !ok {
			if rest && bound[binding(was.Method, was.URI)] {
				continue
			}
			op := *was
			op.Retired = true
			gone = append(gone, &op)
			continue
		}
		if !rest {
			continue
		}
		for _, b := range append([]table.Binding{today}, was.Older...) {
			if key := binding(b.Method, b.URI); !bound[key] && knownLabels(now, b.URI) == nil {
				bound[key] = true
				now.Older = append(now.Older, b)
			}
		}
	}
	info.Operations = append(info.Operations, gone...)
	sort.Slice(info.Operations, func(i, j int) bool { return info.Operations[i].Name < info.Operations[j].Name })
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// packageFolder finds the package in what a user gives: the package, or its data
// folder.
func packageFolder(dir string) (string, error) {
	tries := []string{dir, filepath.Join(dir, "botocore")}
	if filepath.Base(dir) == "data" {
		tries = append(tries, filepath.Dir(filepath.Clean(dir)))
	}
	for _, try := range tries {
		_, err := os.Stat(filepath.Join(try, "data", "partitions.json"))
		if err == nil {
			return try, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
			return "", fmt.Errorf("reading botocore: %w", err)
		}
	}
	return "", fmt.Errorf("%s is not a botocore package: it has no data/partitions.json", dir)
}
