// Package forms is the form of an approval. [Parse] reads the JSON Schema of a new
// registration, and [Cache.Form] the schema of a stored one. [Form.Read] turns what
// was typed into a JSON object, or says what is wrong with it. The library
// santhosh-tekuri/jsonschema checks the schemas.
//
// A schema comes from a workflow's author, and the texts come from anybody who has
// the link. So nothing is ever loaded from elsewhere. Before the library sees a
// schema, its cost is counted with all references written out, and its patterns and
// numbers are bounded. The library's errors are turned into kinds of problems that
// pages have texts for; the library's own texts are not used, since they quote values.
//
// The package knows nothing of callbacks and links.
package forms
