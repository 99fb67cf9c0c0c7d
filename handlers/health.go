package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/relay"
)

// healthz says that the process runs. It checks nothing else.
func healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, api.Health{Status: api.HealthOK})
}

// alive is healthz of the public listener. It answers a nonce with a proof that it
// belongs to the relay that asks: this is how a relay finds out whether the public
// URL leads to it. Proofs have no rate limit: strangers could use it up, and a proof
// costs less than the rest of the request.
func (h *public) alive(c echo.Context) error {
	nonces, asked := c.QueryParams()["nonce"]
	if !asked {
		return healthz(c)
	}
	proof, ok := h.relay.Prove(nonces[0])
	if !ok {
		return &relay.InvalidFieldError{Field: "nonce", Problem: "must be 16 to 64 characters A-Z, a-z, 0-9, _ and -"}
	}
	return c.JSON(http.StatusOK, api.Health{Status: api.HealthOK, Proof: proof})
}

// readyz says whether the relay can serve, and if not, why.
func (h *private) readyz(c echo.Context) error {
	if failedChecks := h.ready(c.Request().Context()); len(failedChecks) > 0 {
		p := api.NewProblem(api.CodeUnavailable, "The relay is not ready. failedChecks lists the reasons.")
		p.FailedChecks = failedChecks
		return writeProblem(c, p)
	}
	return c.JSON(http.StatusOK, api.Health{Status: api.HealthReady, Warnings: h.warnings()})
}
