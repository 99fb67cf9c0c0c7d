package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"
)

// roleBare makes this program the bare handler.
const roleBare = "bare"

// The paths at which the bare handler accepts registrations, takes events, and says
// that there is nothing.
const (
	barePath    = "/callbacks"
	eventPath   = "/events"
	missingPath = "/missing"
)

// idleConns is how many connections to Step Functions the bare handler keeps,
// and connections how many to Redis: as many as the relay.
const (
	idleConns   = 512
	connections = 64
)

// serveBare runs the bare handler until ctx ends.
func serveBare(ctx context.Context, out io.Writer) error {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(
		awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConns, idleConns
		})))
	if err != nil {
		return err
	}
	store := redis.NewClient(&redis.Options{Addr: os.Getenv(redisEnv), PoolSize: connections})
	defer store.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	server := &http.Server{Handler: newBare(url, store, sfn.NewFromConfig(cfg))}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	fmt.Fprintln(out, url)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bare is the handler that somebody writes in an afternoon.
type bare struct {
	url   string
	redis *redis.Client
	sfn   *sfn.Client
}

func newBare(url string, store *redis.Client, steps *sfn.Client) http.Handler {
	b := &bare{url, store, steps}
	e := echo.New()
	e.POST(barePath, b.register)
	e.POST("/c/:key", b.answer)
	e.POST(eventPath, func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	e.POST(missingPath, func(c echo.Context) error { return c.NoContent(http.StatusNotFound) })
	return e
}

// register keeps a task token under a random key.
func (b *bare) register(c echo.Context) error {
	var in registration
	if err := c.Bind(&in); err != nil {
		return err
	}
	key := rand.Text()
	if err := b.redis.Set(c.Request().Context(), key, in.TaskToken, 0).Err(); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, registered{URL: b.url + "/c/" + key})
}

// answer removes the task token from Redis and sends the output. If anything fails
// after that, the callback is lost.
func (b *bare) answer(c echo.Context) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err
	}
	ctx, key := c.Request().Context(), c.Param("key")
	taskToken, err := b.redis.GetDel(ctx, key).Result()
	if err != nil {
		return err
	}
	output := string(body)
	if _, err := b.sfn.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &taskToken, Output: &output}); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answered{ID: key, Status: "delivered"})
}
