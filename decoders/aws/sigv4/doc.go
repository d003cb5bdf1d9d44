// Package sigv4 reads AWS Signature Version 4, checks it with the secret that both
// sides know, and makes it anew with another one.
//
// # Its words
//
// A Request is what arrived: the target byte for byte, and the header without what
// ends at the last hop. Parse reads the Signature that it carries, in its header or
// in its URL. Check recomputes it and returns a Checked, which knows the canonical
// form that was signed; Header, Query and Chunks make the same statement about the
// same bytes under another key.
//
// # What it promises
//
//   - Comparison takes the same time wherever two signatures differ, and no error
//     holds a secret or a signature.
//   - What is made anew is checked with the code that checks what arrives, so that
//     aws-sdk-go-v2's signer and this package have to agree on each call.
//   - Only signatures are made anew: Authorization, X-Amz-Date and
//     X-Amz-Security-Token, the values of these in a presigned URL, and the
//     signatures inside of a chunk-signed body, which keeps its length.
//
// # What it does not do
//
// SigV4A (ECDSA), version 2, POST policies and signed event streams are read, so
// that one can say whose they are, and are neither checked nor made.
//
// Sources: "Create a signed AWS API request" in the IAM User Guide, and "Signature
// calculations for the Authorization header" in the S3 API Reference.
package sigv4
