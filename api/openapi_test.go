package api_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"callback-relay/api"
)

// document loads the OpenAPI document and checks it, including its examples.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatalf("openapi.yaml does not load: %v", err)
	}
	if !doc.IsOpenAPI31OrLater() {
		t.Fatalf("openapi.yaml is version %s, want 3.1", doc.OpenAPI)
	}
	err = doc.Validate(t.Context(),
		openapi3.EnableExamplesValidation(),
		openapi3.EnableSchemaDefaultsValidation(),
		openapi3.EnableSchemaFormatValidation(),
		openapi3.EnableSchemaPatternValidation(),
	)
	if err != nil {
		t.Fatalf("openapi.yaml is not valid: %v", err)
	}
	return doc
}

func TestDocumentIsValid(t *testing.T) { document(t) }
