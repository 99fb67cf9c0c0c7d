// Package schemas checks JSON against JSON Schemas that strangers wrote, with the library
// santhosh-tekuri/jsonschema.
//
// Nothing is ever loaded from elsewhere. Before the library sees a schema, its cost is
// counted with all references written out, and its patterns and numbers are bounded. The
// library's own texts are not used, since they quote values.
package schemas
