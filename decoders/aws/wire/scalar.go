package wire

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// The timestamp formats of the models.
const (
	iso8601 = "iso8601"
	rfc822  = "rfc822"
	epoch   = "unixTimestamp"
)

// scalar reads a value that travels as text (form, XML, header, URI). ok is false
// when the text does not fit the kind; the text itself is returned then.
func scalar(kind table.Kind, format, text string) (v any, ok bool) {
	switch kind {
	case table.String:
		return text, true
	case table.Integer, table.Long:
		return integer(text)
	case table.Float, table.Double:
		return float(text)
	case table.Boolean:
		switch text {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	case table.Timestamp:
		t, ok := parseTime(text, format)
		if ok {
			return stamp(t), true
		}
	case table.Blob:
		return blob(text)
	case table.Document:
		v, err := parseJSON([]byte(text))
		if err == nil {
			return v, true
		}
	}
	return text, false
}

// integer accepts what JSON calls an integer, of any size, and integers that are
// written as floats (1.0, 1e3), which the services accept.
func integer(text string) (any, bool) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(text) > 64 {
		return text, false
	}
	if allDigits(digits) {
		if digits[0] == '0' && len(digits) > 1 {
			return text, false // 010: octal to some parsers
		}
		return json.Number(text), true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !json.Valid([]byte(text)) || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return text, false
	}
	return json.Number(strconv.FormatInt(int64(f), 10)), true
}

func float(text string) (any, bool) {
	switch text {
	case "NaN", "Infinity", "-Infinity":
		return text, true
	}
	if len(text) > 512 || text == "" || (text[0] != '-' && (text[0] < '0' || text[0] > '9')) || !json.Valid([]byte(text)) {
		return text, false
	}
	return json.Number(text), true
}

// blob gives standard base64, which is what Params carry.
func blob(text string) (any, bool) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return text, false
		}
	}
	return base64.StdEncoding.EncodeToString(raw), true
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// stamp writes a time as Params carry it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

var textLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999",
	"20060102T150405Z", "2006-01-02T15:04Z07:00", "2006-01-02",
	"Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 2 Jan 2006 15:04:05 GMT", time.RFC1123Z, "Mon, 02 Jan 2006 15:04:05.999 GMT",
}

// parseTime reads any of the three formats; only a bare number depends on the
// declared one, because "2024" is a year to one parser and a second to another.
func parseTime(text, format string) (time.Time, bool) {
	if t, ok := parseEpoch(text); ok {
		return t, format == epoch
	}
	for _, layout := range textLayouts {
		if t, err := time.Parse(layout, text); err == nil && plausible(t) {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseEpoch reads seconds with an optional fraction, exactly.
func parseEpoch(text string) (time.Time, bool) {
	if len(text) == 0 || len(text) > 40 || !json.Valid([]byte(text)) || (text[0] != '-' && (text[0] < '0' || text[0] > '9')) {
		return time.Time{}, false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(f) > 253402300799 { // the year 9999
		return time.Time{}, false
	}
	if strings.ContainsAny(text, "eE") && math.Abs(f) < 1e-9 {
		return time.Unix(0, 0), true // a tiny exponent would cost a huge rational
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return time.Time{}, false
	}
	nanos := new(big.Rat).Mul(exact, big.NewRat(int64(time.Second), 1))
	whole := new(big.Int).Quo(nanos.Num(), nanos.Denom())
	seconds, rest := new(big.Int).DivMod(whole, big.NewInt(int64(time.Second)), new(big.Int))
	t := time.Unix(seconds.Int64(), rest.Int64())
	return t, plausible(t)
}

func plausible(t time.Time) bool { y := t.UTC().Year(); return y >= 0 && y <= 9999 }
