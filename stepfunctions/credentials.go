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

// renewEvery is how often credentials that AWS refuses are asked for anew, at
// most: a provider gives the same ones again as long as they are all it has.
const renewEvery = time.Minute

// credentials keeps what signs the calls, notes for each attempt what it got,
// and asks anew when AWS refuses it: the SDK itself would go on with what it
// has until that expires by its own account.
type credentials struct {
	// load reads the settings again, since the SDK reads a shared file only
	// then; nil asks the same provider.
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

// cached returns a provider with a cache. Those of the SDK have one.
func cached(provider aws.CredentialsProvider) *aws.CredentialsCache {
	if cache, ok := provider.(*aws.CredentialsCache); ok {
		return cache
	}
	return aws.NewCredentialsCache(provider)
}

// Retrieve implements [aws.CredentialsProvider]. It returns when ctx ends; the
// provider itself is then still being asked, and whoever comes next may find
// what it answered.
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

// renew asks for credentials in place of those that AWS refused, and tells
// whether others are there now, or may be in a moment.
func (c *credentials) renew(ctx context.Context, refused aws.Credentials) bool {
	if c.replaced(ctx, refused) {
		return true
	}
	c.askAnew(ctx)
	return c.replaced(ctx, refused)
}

// askAnew makes the next call ask the provider, at most once in renewEvery.
func (c *credentials) askAnew(ctx context.Context) {
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

// replaced tells whether other credentials than those that were refused are at
// hand, or are still being fetched.
func (c *credentials) replaced(ctx context.Context, refused aws.Credentials) bool {
	now, err := c.provider.Load().Retrieve(ctx)
	if err != nil {
		return late(ctx, err)
	}
	return now.AccessKeyID != refused.AccessKeyID || now.SecretAccessKey != refused.SecretAccessKey ||
		now.SessionToken != refused.SessionToken
}

// codeUnsigned names why there are no credentials.
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

// foundNowhere tells whether the only source is the one that the SDK tries when
// nothing names another: the metadata service of EC2.
func (c *credentials) foundNowhere() bool {
	return slices.Equal(c.ProviderSources(), []aws.CredentialSource{aws.CredentialSourceIMDS})
}

// late tells whether something was not there in time, and may be later.
func late(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
