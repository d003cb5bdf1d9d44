package wire

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// ProtocolOf says which of a service's protocols a call speaks. Evidence that
// disagrees (a target and a form, a Content-Type of another protocol, a protocol
// that the service does not speak) is an error.
func ProtocolOf(svc *table.Service, c decoders.Call) (string, error) {
	protocol, err := spoken(svc, c)
	if err != nil {
		return "", err
	}
	if !speaks(svc, protocol) {
		return "", fmt.Errorf("the call speaks %s, which %s does not", protocol, svc.Name)
	}
	if protocol == RestJSON || protocol == RestXML {
		return protocol, nil // a payload may be of any type: DecodeInput knows the operation
	}
	if len(c.Body) > 0 {
		if err := agrees(protocol, c.Header); err != nil {
			return "", err
		}
	}
	return protocol, nil
}

func spoken(svc *table.Service, c decoders.Call) (string, error) {
	for _, name := range []string{"Smithy-Protocol", "X-Amz-Target", "Content-Type"} {
		if len(c.Header[name]) > 1 {
			return "", fmt.Errorf("header %s %d times", name, len(c.Header[name]))
		}
	}
	smithy, target, media := c.Header.Get("Smithy-Protocol"), c.Header.Get("X-Amz-Target"), mediaType(c.Header)
	action := namesAction(c, media)
	switch {
	case smithy != "" && target != "", smithy != "" && action, target != "" && action:
		return "", errors.New("the call names its operation in two ways")
	case smithy == "rpc-v2-cbor":
		return CBOR, nil
	case smithy == "rpc-v2-json":
		return RPCJSON, nil
	case smithy != "":
		return "", fmt.Errorf("unknown protocol %.40q", smithy)
	case target != "":
		return JSON, nil
	case action && speaks(svc, EC2):
		return EC2, nil
	case action && speaks(svc, Query):
		return Query, nil
	case speaks(svc, RestJSON):
		return RestJSON, nil
	case speaks(svc, RestXML):
		return RestXML, nil
	}
	return "", fmt.Errorf("nothing in the call says which protocol of %s it speaks", svc.Name)
}

// namesAction reports whether a form or query string has an Action.
func namesAction(c decoders.Call, media string) bool {
	if c.URL != nil && hasName(c.URL.RawQuery, "Action") {
		return true
	}
	return media == "application/x-www-form-urlencoded" && hasName(string(c.Body), "Action")
}

func hasName(raw, name string) bool {
	if len(raw) < len(name) {
		return false
	}
	for part := range strings.SplitSeq(raw, "&") {
		if got, _, _ := strings.Cut(part, "="); got == name {
			return true
		}
	}
	return false
}

// speaks also knows what the models leave out: SQS still answers query calls, and
// what speaks rpc-v2-cbor may speak its JSON sibling.
func speaks(svc *table.Service, protocol string) bool {
	if slices.Contains(svc.Protocols, protocol) {
		return true
	}
	switch protocol {
	case Query:
		return svc.Name == "sqs"
	case RPCJSON:
		return slices.Contains(svc.Protocols, CBOR) || slices.Contains(svc.Protocols, "smithy-rpc-v2-json")
	}
	return false
}

// agrees refuses a Content-Type that belongs to another protocol. None at all, or
// one that belongs to no protocol, is left to the service.
func agrees(protocol string, h http.Header) error {
	if err := plainText(h); err != nil {
		return err
	}
	media := mediaType(h)
	var owner []string
	switch {
	case media == "application/x-www-form-urlencoded":
		owner = []string{Query, EC2}
	case strings.HasPrefix(media, "application/x-amz-json-"):
		owner = []string{JSON, RestJSON}
	case media == "application/json":
		owner = []string{RestJSON, JSON, RPCJSON}
	case strings.HasPrefix(media, cborOfJSON):
		owner = []string{JSON}
	case media == "application/cbor":
		owner = []string{CBOR}
	case media == "application/xml", media == "text/xml":
		owner = []string{RestXML}
	default:
		return nil
	}
	if !slices.Contains(owner, protocol) {
		return fmt.Errorf("content type %s belongs to another protocol than %s", media, protocol)
	}
	return nil
}

// plainText refuses a body whose bytes mean other letters to a reader that heeds
// the charset (EBCDIC, UTF-16, UTF-7) than to one that does not.
func plainText(h http.Header) error {
	values := h["Content-Type"]
	if len(values) > 1 {
		return errors.New("the call has two content types")
	}
	for _, v := range values {
		_, params, err := mime.ParseMediaType(v)
		if err != nil && strings.Contains(strings.ToLower(v), "charset") {
			return fmt.Errorf("the content type %.60q cannot be read", v)
		}
		switch strings.ToLower(params["charset"]) {
		case "", "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1":
		default:
			return fmt.Errorf("the body's charset %.20q is not one we read", params["charset"])
		}
	}
	return nil
}
