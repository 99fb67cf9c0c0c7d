// Package identity tells who is there, as a proxy in front of the pages signed it: the
// load balancer of AWS, Cloudflare Access, or another one that adds a JSON Web Token to
// each request.
//
// The relay has no login of its own. A header counts only if it is signed, for this relay,
// by the issuer that the operator named; an unsigned one never does.
package identity
