package verify

import "fmt"

// declared says what is wrong with the digest of documents that a decision names: some
// intent-epoch before it has to name that too. Which of them is the decision's is not
// asked, since several proxies with documents of their own may write one log. Before its
// first intent-epoch a log was written by a version that recorded none, and of a part of
// a log the epochs before it are not there.
func (v *run) declared(digest string) string {
	if digest == "" || len(v.intents) == 0 || v.from > 0 || v.intents[digest] {
		return ""
	}
	v.intents[digest] = true // once is enough
	return fmt.Sprintf("was made by the documents %s, which no intent-epoch before it names", digest)
}
