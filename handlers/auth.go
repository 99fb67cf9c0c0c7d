package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/labstack/echo/v4"
)

// APIKey is a key for the private API. It holds only the SHA-256 of the key, so that
// the configuration gives nobody access. A plain hash is enough, since keys are
// random and long.
type APIKey struct {
	Name string
	Hash [sha256.Size]byte
}

// requireKey lets only requests with one of the keys through, and records the name of
// that key.
func requireKey(keys []APIKey) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			scheme, key, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
			hash := sha256.Sum256([]byte(strings.TrimSpace(key)))
			match := -1
			// Compare with all keys, so that timing reveals nothing about any of them.
			for i, k := range keys {
				match = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], k.Hash[:]), i, match)
			}
			if !strings.EqualFold(scheme, "Bearer") || match < 0 {
				return errUnauthorized
			}
			c.Set(callerAttr, keys[match].Name)
			return next(c)
		}
	}
}
