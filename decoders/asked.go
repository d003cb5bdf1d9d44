package decoders

import "context"

type decisionKey struct{}

// ForDecision says under which id a call is being decoded to be decided on. Without
// one Decode is asked for something else, and MUST NOT ask anybody anything.
func ForDecision(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, decisionKey{}, id)
}

// DecisionOf returns the id, or "".
func DecisionOf(ctx context.Context) string {
	id, _ := ctx.Value(decisionKey{}).(string)
	return id
}
