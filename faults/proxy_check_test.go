package faults

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that answers each line with the same line, behind a proxy.
// It sends received lines to lines.
func echo(t *testing.T) (p *proxy, lines <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	got := make(chan string, 16)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for r := bufio.NewReader(conn); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					got <- line
					_, _ = io.WriteString(conn, line)
				}
			}()
		}
	}()
	return newProxy(t, l.Addr().String()), got
}

func dial(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// ask sends a line and returns the response.
func ask(conn net.Conn, line string) (string, error) {
	if _, err := io.WriteString(conn, line); err != nil {
		return "", err
	}
	back := make([]byte, len(line))
	n, err := io.ReadFull(conn, back)
	return string(back[:n]), err
}

func TestProxy(t *testing.T) {
	t.Parallel()
	p, lines := echo(t)
	passes := func(conn net.Conn) {
		t.Helper()
		if got, err := ask(conn, "hello\n"); got != "hello\n" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		<-lines
	}
	fails := func(conn net.Conn, part string) {
		t.Helper()
		if got, err := ask(conn, "hello\n"); got != part || err == nil {
			t.Fatalf("got %q, %v; want %q and an error", got, err, part)
		}
	}

	conn := dial(t, p)
	passes(conn)

	p.setDelay(50 * time.Millisecond)
	began := time.Now()
	passes(conn)
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("there and back took %s", took)
	}
	p.clear()

	p.cut()
	fails(conn, "")
	conn = dial(t, p)
	passes(conn)

	p.setRefuse(true)
	passes(conn) // those that are open stay
	fails(dial(t, p), "")
	p.setRefuse(false)
	passes(dial(t, p))

	p.dropAnswers(1, 2)
	fails(conn, "he")
	<-lines // the request had arrived
	conn = dial(t, p)
	passes(conn) // and it was the only one

	p.hold(func(request []byte) bool { return string(request) == "held\n" })
	passes(conn)
	_, err := io.WriteString(conn, "held\n")
	must(t, err)
	conn.Close() // the sender gives up
	eventually(t, "it is held", func() bool { return p.holds("held\n") })
	if len(lines) > 0 {
		t.Fatal("it was not held")
	}
	p.release()
	if line := <-lines; line != "held\n" {
		t.Errorf("late: %q", line)
	}
	passes(dial(t, p))
}
