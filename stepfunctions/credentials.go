package stepfunctions

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// renewEvery is the least time between two fetches of new credentials after AWS
// refused the old ones. A provider may return the same ones for a long time.
const renewEvery = time.Minute

// credentials provides the credentials that sign the calls, and records which
// ones each attempt got. It fetches new ones when AWS refuses the old ones. The
// SDK itself would use the old ones until their own expiry.
type credentials struct {
	// load reads the settings again, since the SDK reads shared files only when it
	// loads its settings. If nil, the same provider is asked again.
	load func(context.Context) (aws.CredentialsProvider, error)

	provider atomic.Pointer[aws.CredentialsCache]

	renewing sync.Mutex
	renewed  time.Time // guarded by renewing
}

func newCredentials(provider aws.CredentialsProvider, load func(context.Context) (aws.CredentialsProvider, error)) *credentials {
	c := &credentials{load: load}
	c.provider.Store(cached(provider))
	return c
}

// cached returns a provider with a cache. Those of the SDK already have one.
func cached(provider aws.CredentialsProvider) *aws.CredentialsCache {
	if cache, ok := provider.(*aws.CredentialsCache); ok {
		return cache
	}
	return aws.NewCredentialsCache(provider)
}

// Retrieve implements [aws.CredentialsProvider]. It returns when ctx ends, but the
// request to the provider continues, and a later caller may get its result.
func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := c.provider.Load().Retrieve(ctx)
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		a.signedWith = got
		if err != nil {
			a.unsignedCode = c.codeUnsigned(ctx, err)
		}
	}
	return got, err
}

// ProviderSources implements [aws.CredentialProviderSource].
func (c *credentials) ProviderSources() []aws.CredentialSource {
	return c.provider.Load().ProviderSources()
}

// renew fetches new credentials in place of those that AWS refused. It returns
// whether it got different ones, or may get them soon.
func (c *credentials) renew(ctx context.Context, refused aws.Credentials) bool {
	if c.replaced(ctx, refused) {
		return true
	}
	c.fetchAgain(ctx)
	return c.replaced(ctx, refused)
}

// fetchAgain makes the next call ask the provider, at most once in renewEvery.
func (c *credentials) fetchAgain(ctx context.Context) {
	c.renewing.Lock()
	defer c.renewing.Unlock()
	if !c.renewed.IsZero() && time.Since(c.renewed) < renewEvery {
		return
	}
	c.renewed = time.Now()
	if c.load != nil {
		if provider, err := c.load(ctx); err == nil {
			c.provider.Store(cached(provider))
			return
		}
	}
	c.provider.Load().Invalidate()
}

// replaced returns whether there are other credentials than the refused ones, or
// they are still being fetched.
func (c *credentials) replaced(ctx context.Context, refused aws.Credentials) bool {
	now, err := c.provider.Load().Retrieve(ctx)
	if err != nil {
		return late(ctx, err)
	}
	return now.AccessKeyID != refused.AccessKeyID || now.SecretAccessKey != refused.SecretAccessKey ||
		now.SessionToken != refused.SessionToken
}

// codeUnsigned returns the code for why there are no credentials.
func (c *credentials) codeUnsigned(ctx context.Context, err error) string {
	switch {
	case ctx.Err() != nil:
		return codeCredentialsTimeout
	case c.foundNowhere():
		return codeNoCredentials
	case late(ctx, err):
		return codeCredentialsTimeout
	}
	return codeCredentialsFailed
}

// foundNowhere returns whether no source is configured. The SDK then tries only the
// metadata service of EC2.
func (c *credentials) foundNowhere() bool {
	return slices.Equal(c.ProviderSources(), []aws.CredentialSource{aws.CredentialSourceIMDS})
}

// late returns whether the credentials did not come in time, but may come later.
func late(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
