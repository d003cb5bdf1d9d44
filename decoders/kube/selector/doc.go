// Package selector reads field selectors and label selectors by the API server's
// own grammar, and says what labels a selector matches. What the server cannot
// read is an error here, and nothing else is.
package selector
