package tlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
)

// PublicKey takes the Ed25519 key out of a vkey: NAME+HASH+base64(0x01 ‖ key).
func PublicKey(vkey string) (ed25519.PublicKey, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("the key is no vkey")
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != 1 {
		return nil, errors.New("the key is no Ed25519 key")
	}
	return raw[1:], nil
}
