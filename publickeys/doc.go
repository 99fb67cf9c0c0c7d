// Package publickeys fetches the public keys that others publish: a sender of webhooks, or
// a proxy that signs who is there.
//
// Such a key may be named by the very request that it is to prove. So what is fetched is
// bounded, redirects are not followed, and forged requests stop only their own fetches.
// Decision 28 says more.
package publickeys
