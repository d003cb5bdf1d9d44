// Package certs is Assent's certificate authority: it makes a CA, issues the
// short-lived certificates that the proxy shows inside its tunnels, and builds
// the trust bundles that make one process, and nothing else on the machine,
// believe them.
//
// # Words
//
// An Authority is one CA certificate with its key. A leaf is the certificate of
// one host. A bundle is a PEM file with the system's roots, whatever the user
// had added, and our CA.
//
// # What it promises
//
//   - Keys are ECDSA P-256. A leaf lives for at most seven days, has a random
//     serial of 128 bits, no subject but its alternative name, and the key usage
//     and key identifiers that strict verifiers (Python 3.13, Chromium) ask for.
//   - An authority made by New exists in memory only, until Save is called.
//   - Leaves are cached, least recently used first out; concurrent callers for one
//     host wait for one signature.
//
// # What it does not do
//
// It changes no trust store of the machine. PKCS #12 stores for Java are made in
// certs/truststore, which needs a library that this package does not.
package certs
