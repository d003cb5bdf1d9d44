// Package cosign signs published checkpoints with a second key, which may live in a
// key management service: somebody who has the ledger's own key file has not that
// one. It is for checkpoints, one a second at most; each entry is signed by the
// ledger's own key.
//
// A key is named by the file that holds it (a PKCS #8 PEM, ECDSA on P-256), or by a
// URI such as awskms:///alias/assent, gcpkms://…, azurekms://…, hashivault://…: the
// program sigstore-kms-NAME on PATH is asked for those, by Sigstore's plugin
// protocol. None of their SDKs is linked.
package cosign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/assent-iom/assent/ledger/tlog"
)

// Signer signs checkpoints of a log. It is safe for concurrent use if its key is.
type Signer struct {
	tlog.CosignKey
	signer signature.Signer
}

// Open finds a key by its file or URI. name is the log's.
func Open(ctx context.Context, ref, name string) (*Signer, error) {
	var signer signature.Signer
	var err error
	if strings.Contains(ref, "://") {
		signer, err = kms.Get(ctx, ref, crypto.SHA256)
	} else {
		signer, err = signature.LoadSignerFromPEMFile(ref, crypto.SHA256, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the cosigning key %s: %w", ref, err)
	}
	public, err := signer.PublicKey(options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading the cosigning key %s: %w", ref, err)
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the cosigning key %s is a %T: want ECDSA on P-256; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 makes one", ref, public)
	}
	named, err := tlog.NewCosignKey(name, key)
	if err != nil {
		return nil, fmt.Errorf("the cosigning key %s: %w", ref, err)
	}
	return &Signer{named, signer}, nil
}

// Cosign returns the signature line for a signed checkpoint.
func (s *Signer) Cosign(ctx context.Context, signed []byte) ([]byte, error) {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		return nil, fmt.Errorf("cosigning with %s: the checkpoint is not signed", s.Name())
	}
	msg := append(bytes.Clone(text), '\n')
	sig, err := s.signer.SignMessage(bytes.NewReader(msg), options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("cosigning with %s: %w", s.Name(), err)
	}
	if !s.Verify(msg, sig) {
		return nil, fmt.Errorf("cosigning with %s: the signature does not hold", s.Name())
	}
	raw := append(binary.BigEndian.AppendUint32(nil, s.KeyHash()), sig...)
	return fmt.Appendf(nil, "\u2014 %s %s\n", s.Name(), base64.StdEncoding.EncodeToString(raw)), nil
}
