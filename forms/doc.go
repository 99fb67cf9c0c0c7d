// Package forms is the form of an approval: [Parse] reads the JSON Schema of one
// that is to be registered, [Cache.Form] returns that of one that was, and
// [Form.Read] turns what was typed into a JSON object or says what is wrong with
// it. The schemas are checked by the library santhosh-tekuri/jsonschema.
//
// A schema comes from a workflow's author, and what is typed comes from anybody
// who has the link. So nothing is ever loaded from elsewhere, and before the
// library sees a schema, its cost is counted: references written out, patterns and
// numbers bounded. What the library says is turned into kinds of problems that
// pages have words for; its own texts, which quote values, are not used.
//
// The package knows nothing of callbacks and links.
package forms
