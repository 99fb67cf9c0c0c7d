package rules

import (
	"errors"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// parseJSON is the name of the function that reads a text in which there is JSON, such as
// the message of an SNS notification: body.Message.parseJSON().JobId. A text that is not
// JSON has no members, so an expression that needs one does not match.
const parseJSON = "parseJSON"

// parsing is the option of CEL that adds [parseJSON].
func parsing() cel.EnvOption {
	return cel.Function(parseJSON, cel.MemberOverload("text_"+parseJSON,
		[]*cel.Type{cel.StringType}, cel.DynType, cel.UnaryBinding(parse)))
}

func parse(value ref.Val) ref.Val {
	text, ok := value.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(value)
	}
	// CEL counts the cost of a call only afterwards.
	if parsingCost(string(text)) > maxCost {
		return types.WrapErr(&failure{ReasonCost, "the text of " + parseJSON + " is too long, or has too many values"})
	}
	decoded, err := decode([]byte(text))
	if errors.Is(err, errNotJSON) {
		return types.WrapErr(errMissing)
	}
	if err != nil {
		return types.WrapErr(err)
	}
	return types.DefaultTypeAdapter.NativeToValue(decoded)
}

// parsingCost is the cost of parsing a text: one unit for ten bytes of the memory that the
// values take. So the limit of an expression's cost also limits the memory of its calls.
func parsingCost(text string) uint64 {
	return uint64(estimate([]byte(text))/10 + 1) //nolint:gosec // it is not negative
}

// known returns the error that a function of the relay's own has reported, if there is one.
func known(err error) error {
	if errors.Is(err, errMissing) {
		return errMissing
	}
	if failed := (*failure)(nil); errors.As(err, &failed) {
		return failed
	}
	return nil
}
