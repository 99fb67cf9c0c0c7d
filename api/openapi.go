package api

import _ "embed"

// OpenAPI is the OpenAPI 3.1 description of the private API and the public
// links, as YAML. It is served at /openapi.yaml and must not be changed.
//
//go:embed openapi.yaml
var OpenAPI []byte
