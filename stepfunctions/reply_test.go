package stepfunctions_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
)

// raw serves connections with a function, which is called with the text of each
// request and returns what to write. The connection is closed after "".
func raw(t *testing.T, reply func(request int) string) (sender *stepfunctions.Sender, connections *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = new(atomic.Int64)
	var requests atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			all.Go(func() {
				defer conn.Close()
				from := bufio.NewReader(conn)
				for {
					request, err := http.ReadRequest(from)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, request.Body)
					text := reply(int(requests.Add(1)))
					if _, err := io.WriteString(conn, text); err != nil || text == "" {
						return
					}
				}
			})
		}
	})
	sender = newSender(t, awsConfig("http://"+listener.Addr().String()), stepfunctions.Options{Timeout: 10 * time.Second})
	t.Cleanup(func() { sender.Close(); _ = listener.Close(); all.Wait() })
	return sender, connections
}

// TestFormsOfReplies: everything that a server may send instead of a plain reply.
func TestFormsOfReplies(t *testing.T) {
	const plain = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
	const unclear = relay.SendUnclear
	tests := []struct {
		name, reply string
		class       relay.SendClass // 0 is success
		code        string
		connections int64 // of this call and the next
	}{
		{"plain", plain, 0, "", 1},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 0, "", 1},
		{"chunked with a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\n{}\r\n0\r\nX-A: b\r\n\r\n", 0, "", 1},
		{"without a body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, "", 1},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", 0, "", 1},
		{"closing", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 0, "", 2},
		{"of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0, "", 2},
		{"after 102 and 103", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plain, 0, "", 1},
		{"after 100", "HTTP/1.1 100 Continue\r\n\r\n" + plain, 0, "", 1},
		{"followed by something else", plain + plain, 0, "", 2},
		{"never final", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100), unclear, "no-answer", 2},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", unclear, "no-answer", 2},
		{"none", "", unclear, "no-answer", 2},
		{"not HTTP", "SSH-2.0-OpenSSH_9.6\r\n", unclear, "no-answer", 2},
		{"without an end of its head", "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 2<<20), unclear, "no-answer", 2},
		{"with many headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: b\r\n", 200_000), unclear, "no-answer", 2},
		{"longer than any", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n{%s}", 2<<20, strings.Repeat(" ", 2<<20-2)), unclear, "unreadable-answer", 2},
		{"longer than any, and without a length", "HTTP/1.1 200 OK\r\n\r\n{}" + strings.Repeat(" ", 2<<20), unclear, "unreadable-answer", 2},
		{"with a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", unclear, "unreadable-answer", 2},
		{"with two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", unclear, "no-answer", 2},
		{"a refusal", "HTTP/1.1 400 Bad Request\r\nContent-Length: 25\r\n\r\n" + `{"__type":"TaskTimedOut"}`, relay.SendClosed, "TaskTimedOut", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sender, connections := raw(t, func(request int) string {
				if request == 1 {
					return tt.reply
				}
				return plain
			})
			err := sender.Send(t.Context(), "t", success)
			if tt.class == 0 && err != nil {
				t.Error(err)
			} else if tt.class != 0 {
				want(t, err, tt.class, tt.code)
			}
			if err := sender.Send(t.Context(), "t", success); err != nil {
				t.Errorf("the next call: %v", err)
			}
			if n := connections.Load(); n != tt.connections {
				t.Errorf("%d connections, want %d", n, tt.connections)
			}
		})
	}
}
