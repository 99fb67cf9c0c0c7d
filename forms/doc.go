// Package forms checks the JSON Schemas of approval forms, and what people
// typed into the forms. It is the relay's [relay.Schemas], made of the library
// santhosh-tekuri/jsonschema.
//
// A schema comes from a workflow's author, and what is typed from anybody who
// has the link. So nothing is ever loaded from elsewhere, and before the library
// sees a schema, its cost is counted: references written out, patterns and
// numbers bounded. What the library says is turned into the relay's kinds of
// problems; its own texts, which quote values, are not used.
package forms
