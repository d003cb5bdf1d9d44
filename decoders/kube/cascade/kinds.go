package cascade

import (
	"encoding/json"
	"strings"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/selector"
	"github.com/assent-iom/assent/model"
)

// collection is what a deletecollection selects.
func (p *prediction) collection(target kube.Identity) []model.URN {
	if p.ask.Selected != nil {
		var out []model.URN
		for _, u := range p.ask.Selected {
			if k, ok := p.find(u); ok {
				out = append(out, k)
			}
		}
		return out
	}
	if !p.listed(target.Group, target.Kind, target.Namespace) {
		p.incomplete(target.Kind + " are not known" + where(target.Namespace))
	}
	labels, err := selector.Labels(p.ask.Labels)
	if err != nil {
		p.incomplete(err.Error()) // the server refuses it; then nothing goes
	}
	fields, err := selector.Fields(p.ask.Fields)
	if err != nil {
		p.incomplete(err.Error())
	}
	var out []model.URN
	p.of(target.Group, p.kind(target), func(u model.URN, id kube.Identity) {
		if target.Namespace != "*" && id.Namespace != target.Namespace {
			return
		}
		r, _ := p.s.Resource(u)
		if selector.Matches(labels, r.Tags) && p.selected(fields, id) {
			out = append(out, u)
		}
	})
	return out
}

// kind is that of a target: a call on a kind that no table has spells it by its
// resource.
func (p *prediction) kind(target kube.Identity) string {
	for _, k := range p.ask.Kinds {
		if k.Resource == target.Kind && k.Type() == target.Group+"/"+k.Kind {
			return k.Kind
		}
	}
	return target.Kind
}

// Plain reports whether the model can tell what a field selector selects.
func Plain(fields string) bool {
	terms, err := selector.Fields(fields)
	if err != nil {
		return false
	}
	for _, f := range terms {
		if f.Field != "metadata.name" && f.Field != "metadata.namespace" {
			return false
		}
	}
	return true
}

// selected: a field that the model does not hold selects everything, and says so.
func (p *prediction) selected(fields []selector.FieldTerm, id kube.Identity) bool {
	for _, f := range fields {
		var value string
		switch f.Field {
		case "metadata.name":
			value = id.Name
		case "metadata.namespace":
			value = id.Namespace
		default:
			p.incomplete("the selector is by " + f.Field)
			continue
		}
		if (value == f.Value) == f.Not {
			return false
		}
	}
	return true
}

// attrs reads what the model holds of an object.
func (p *prediction) attrs(u model.URN, to any) bool {
	r, ok := p.s.Resource(u)
	return ok && json.Unmarshal(r.Attrs, to) == nil
}

func (p *prediction) namespace(name string) {
	if p.ask.Kinds == nil {
		p.incomplete("the kinds that the cluster serves are not known")
	}
	for _, k := range p.ask.Kinds {
		group := k.Group
		if group == "" {
			group = "core"
		}
		if k.Namespaced && !p.listed(group, k.Kind, name) {
			p.incomplete(k.Resource + " are not known in " + name)
		}
	}
	p.in(name, p.remove)
}

// definition removes the objects of a custom resource, and the APIServices that
// only its group's definitions make.
func (p *prediction) definition(u model.URN) {
	var crd struct {
		Spec struct {
			Group    string
			Names    struct{ Kind, Plural string }
			Versions []struct{ Name string }
		}
	}
	if !p.attrs(u, &crd) || crd.Spec.Names.Kind == "" {
		p.incomplete("what the definition defines is not known")
		return
	}
	if !p.listed(crd.Spec.Group, crd.Spec.Names.Kind, "*") {
		p.incomplete(crd.Spec.Names.Plural + " are not known in all namespaces")
	}
	for _, kind := range []string{crd.Spec.Names.Kind, crd.Spec.Names.Plural} {
		p.of(crd.Spec.Group, kind, func(other model.URN, _ kube.Identity) { p.remove(other) })
	}
	last := true
	p.of("apiextensions.k8s.io", "CustomResourceDefinition", func(other model.URN, id kube.Identity) {
		if other != u && strings.HasSuffix(id.Name, "."+crd.Spec.Group) {
			last = false
		}
	})
	for _, v := range crd.Spec.Versions {
		if last {
			p.known(kube.URN(p.cluster, "apiregistration.k8s.io", "APIService", "", v.Name+"."+crd.Spec.Group))
		}
	}
}

// claim: the volume of a claim goes with it where its policy is Delete.
func (p *prediction) claim(u model.URN) {
	for _, d := range p.s.Dependencies(u) {
		if d.Source != "spec.volumeName" {
			continue
		}
		var volume struct {
			Spec struct {
				Policy string `json:"persistentVolumeReclaimPolicy"`
			}
		}
		if !p.attrs(d.To, &volume) || volume.Spec.Policy == "" {
			p.incomplete("whether the volume goes with its claim is not known")
			continue
		}
		if volume.Spec.Policy == "Delete" && p.there(d.To) {
			p.remove(d.To)
			p.set.Volumes = append(p.set.Volumes, d.To)
		}
	}
	if r, ok := p.s.Resource(u); ok && !strings.Contains(string(r.Attrs), `"spec"`) {
		p.incomplete("whether the claim has a volume is not known")
	}
}

// service: its endpoints, and its addresses, which the server itself keeps.
func (p *prediction) service(id kube.Identity) {
	p.known(kube.URN(p.cluster, "", "Endpoints", id.Namespace, id.Name))
	served := false
	for _, k := range p.ask.Kinds {
		served = served || k.Kind == "IPAddress" && k.Group == "networking.k8s.io"
	}
	if served && !p.listed("networking.k8s.io", "IPAddress", "") {
		p.incomplete("the addresses of services are not known")
	}
	p.of("networking.k8s.io", "IPAddress", func(u model.URN, _ kube.Identity) {
		var a struct {
			Spec struct {
				ParentRef struct{ Resource, Namespace, Name string }
			}
		}
		if ref := &a.Spec.ParentRef; p.attrs(u, &a) && ref.Resource == "services" && ref.Namespace == id.Namespace && ref.Name == id.Name {
			p.remove(u)
		}
	})
}

// account: its token secrets, which the token controller takes away.
func (p *prediction) account(id kube.Identity) {
	if !p.listed("core", "Secret", id.Namespace) {
		p.incomplete("secrets are not known in " + id.Namespace)
	}
	uid := ""
	if r, ok := p.s.Resource(kube.URN(p.cluster, "", "ServiceAccount", id.Namespace, id.Name)); ok && len(r.Aliases) > 0 {
		uid = r.Aliases[0]
	}
	p.of("core", "Secret", func(u model.URN, other kube.Identity) {
		if other.Namespace != id.Namespace {
			return
		}
		var s struct {
			Type     string
			Metadata struct{ Annotations map[string]string }
		}
		if !p.attrs(u, &s) {
			return
		}
		named := s.Metadata.Annotations["kubernetes.io/service-account.name"] == id.Name
		whose, said := s.Metadata.Annotations["kubernetes.io/service-account.uid"]
		if named && (!said || uid == "" || whose == uid) && (s.Type == "" || s.Type == "kubernetes.io/service-account-token") {
			p.remove(u)
		}
	})
}

// node: the pods that are bound to it, which are collected when it is gone.
func (p *prediction) node(id kube.Identity) {
	if !p.listed("core", "Pod", "*") {
		p.incomplete("pods are not known in all namespaces")
	}
	p.of("core", "Pod", func(u model.URN, _ kube.Identity) {
		var pod struct{ Spec struct{ NodeName string } }
		if p.attrs(u, &pod) && pod.Spec.NodeName == id.Name {
			p.remove(u)
		}
	})
}
