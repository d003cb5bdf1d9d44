package wire

import "github.com/assent-iom/assent/decoders/aws/table"

// queryAliases gives the query protocol's names of a service whose model has
// moved on to another protocol and kept only the new names. Amazon SQS is the
// one such service that still answers query calls (API version 2012-11-05).
func queryAliases(op *table.Operation) map[string]alias {
	if op.Service == nil || op.Service.Name != "sqs" {
		return nil
	}
	return map[string]alias{
		"Attributes":                  {"Attribute", "Name", "Value"},
		"MessageAttributes":           {"MessageAttribute", "Name", "Value"},
		"MessageSystemAttributes":     {"MessageSystemAttribute", "Name", "Value"},
		"Tags":                        {"Tag", "Key", "Value"},
		"tags":                        {"Tag", "Key", "Value"},
		"AttributeNames":              {name: "AttributeName"},
		"MessageAttributeNames":       {name: "MessageAttributeName"},
		"MessageSystemAttributeNames": {name: "MessageSystemAttributeName"},
		"TagKeys":                     {name: "TagKey"},
		"AWSAccountIds":               {name: "AWSAccountId"},
		"Actions":                     {name: "ActionName"},
		"StringListValues":            {name: "StringListValue"},
		"BinaryListValues":            {name: "BinaryListValue"},
		"Entries":                     {name: op.Name + "RequestEntry"},
	}
}
