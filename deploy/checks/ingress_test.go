package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// canary stands for a link's secret.
const canary = "mtgwpuz7bipm3p3osefaqic3eyahsdusu2qdnfjt33eil5qm5nqq"

// nginx is a running nginx with the configuration of docs/ingress.md.
type nginx struct {
	*http.Client
	folder string // holds everything that it writes
}

// startNginx runs nginx with the configuration on the page, with sockets in a
// folder instead of ports.
func startNginx(t *testing.T) *nginx {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal("nginx is not installed")
			}
			t.Skip("nginx is not installed")
		}
	}
	folder := t.TempDir()
	_, rest, _ := strings.Cut(read(t, root+"/docs/ingress.md"), "\n```nginx\n")
	block, _, _ := strings.Cut(rest, "\n```")
	for _, c := range []struct{ old, new string }{
		{"listen 443 ssl;", "listen unix:" + folder + "/front;"},
		{"    ssl_certificate     /etc/nginx/relay.crt;\n", ""},
		{"    ssl_certificate_key /etc/nginx/relay.key;\n", ""},
		{"server 127.0.0.1:8080;", "server unix:" + folder + "/relay;"},
		{"/var/log/nginx/", folder + "/"},
	} {
		if !strings.Contains(block, c.old) {
			t.Fatalf("the block of nginx's configuration has no %q", c.old)
		}
		block = strings.ReplaceAll(block, c.old, c.new)
	}
	conf := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid;\nevents {}\nhttp {\n"+
		"client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;\n"+
		"uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;\n%[2]s\n}\n", folder, block)
	if err := os.WriteFile(folder+"/nginx.conf", []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-e", folder+"/start.log", "-c", folder+"/nginx.conf")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial(ctx, folder+"/front")
	}}}
	return &nginx{client, folder}
}

// dial connects to a socket as soon as it exists.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// call sends one request with an unchanged path and returns the status.
func (n *nginx) call(t *testing.T, method, path, body string) int {
	t.Helper()
	r, err := http.NewRequest(method, "http://relay.example.com/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Opaque = path // not cleaned
	r.Header.Set("Referer", "https://relay.example.com/a/"+canary)
	response, err := n.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

var logLine = regexp.MustCompile(`(?m)\] ([A-Z]+ \S+ \d+) .*\n`)

// logged waits until the access log has n lines, and returns their method, route
// and status.
func (n *nginx) logged(t *testing.T, lines int) []string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		log := read(t, n.folder+"/relay.log")
		var said []string
		for _, m := range logLine.FindAllStringSubmatch(log, -1) {
			said = append(said, m[1])
		}
		if len(said) >= lines {
			return said
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d lines in the log, want %d:\n%s", len(said), lines, log)
		}
	}
}

func TestNginxKeepsLinksOutOfItsLogs(t *testing.T) {
	n := startNginx(t)
	listener, err := net.Listen("unix", n.folder+"/relay")
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	relay := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.RequestURI)
	}))
	_ = relay.Listener.Close()
	relay.Listener = listener
	relay.Start()
	defer relay.Close()

	var want []string
	for _, c := range []struct{ method, path, route string }{
		{"POST", "/c/" + canary, "/c/"},
		{"GET", "/a/" + canary, "/a/"},
		{"POST", "/base/c/" + canary + "?from=mail", "/c/"},
		{"POST", "/%63/" + canary, "/c/"},
		{"POST", "/x//c//" + canary, "/c/"},
		{"GET", "/c%2f" + canary, "/c/"},
		{"GET", "/x/../a/" + canary, "/a/"},
		{"GET", "/" + canary, "-"},
		{"GET", "/C/" + canary, "-"},
	} {
		if status := n.call(t, c.method, c.path, ""); status != 200 {
			t.Errorf("%s %s: %d", c.method, c.path, status)
		}
		if got := seen[len(seen)-1]; got != c.method+" "+c.path {
			t.Errorf("%s %s arrives as %s", c.method, c.path, got)
		}
		want = append(want, c.method+" "+c.route+" 200")
	}
	if status := n.call(t, "POST", "/c/"+canary, strings.Repeat("x", 2<<20)); status != 413 {
		t.Errorf("a large body: %d", status)
	}
	want = append(want, "POST /c/ 413")
	n.logged(t, len(want)) // written after the response, when the rest of the body has arrived
	relay.Close()
	if status := n.call(t, "POST", "/c/"+canary, "{}"); status != 502 {
		t.Errorf("without a relay: %d", status)
	}
	want = append(want, "POST /c/ 502")
	if got := n.logged(t, len(want)); !slices.Equal(got, want) {
		t.Errorf("the log says\n%q, want\n%q", got, want)
	}
	searchFolder(t, n.folder)
}

// searchFolder looks for the canary in every file.
func searchFolder(t *testing.T, folder string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.Contains(read(t, path), canary) {
			t.Errorf("%s holds the link", filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
