package live

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/wire"
)

const (
	// beforePatience bounds the question what an object is now: its caller waits.
	beforePatience = 2 * time.Second
	// maxObject bounds the answer: etcd takes 1.5 MB, which JSON makes longer.
	maxObject = 8 << 20
)

// Before tells what an object is before a change of it: what the model has, where that
// is surely still so, and otherwise what the API server says to the caller of the call
// that is judged. A caller who may not read it is told nothing, and the object is not
// known. The answer is for this one decision; it is not kept.
type Before struct {
	Model kube.Current // what is surely still so; nil: nothing is
	// Server asks a cluster as the caller whose identity is given; nil server: nobody can.
	Server func(cluster string, as http.Header) (*Server, error)
}

var _ kube.Current = (*Before)(nil)

// Current implements kube.Current.
func (b *Before) Current(ctx context.Context, ref kube.Ref) (map[string]any, bool) {
	remembered := func() (map[string]any, bool) {
		if b.Model == nil {
			return nil, false
		}
		return b.Model.Current(ctx, ref)
	}
	if !ref.Managed { // which the model does not keep
		if object, known := remembered(); known {
			return object, true
		}
	}
	object, known, asked := b.ask(ctx, ref)
	if asked || !ref.Managed {
		return object, known
	}
	return remembered()
}

// ask asks the API server. asked is false where nobody can be.
func (b *Before) ask(ctx context.Context, ref kube.Ref) (object map[string]any, known, asked bool) {
	if ref.Name == "" || strings.ContainsAny(ref.Namespace+ref.Name+ref.Resource+ref.Group+ref.Version, "/%?#") {
		return nil, false, false // no server has a name like that
	}
	s, err := b.Server(ref.Cluster, ref.As)
	if err != nil || s == nil {
		return nil, false, false
	}
	ctx, cancel := context.WithTimeout(ctx, beforePatience)
	defer cancel()
	k := kube.Kind{Group: ref.Group, Version: ref.Version, Resource: ref.Resource}
	object, err = s.object(ctx, k.Path(ref.Namespace)+"/"+ref.Name)
	if err != nil {
		var no refused
		gone := errors.As(err, &no) && no.status == http.StatusNotFound && no.reason == "NotFound" && no.name == ref.Name
		return nil, gone, true
	}
	return object, true, true
}

// object reads one object.
func (s *Server) object(ctx context.Context, path string) (map[string]any, error) {
	resp, err := s.open(ctx, path, url.Values{}, "application/json")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := readBounded(resp.Body, maxObject)
	if err != nil {
		return nil, err
	}
	value, err := wire.JSON(body)
	object, _ := value.(map[string]any)
	if err == nil && object == nil {
		err = errors.New("the answer is no object")
	}
	return object, err
}
