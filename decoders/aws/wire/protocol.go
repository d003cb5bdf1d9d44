package wire

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
)

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
