package examples

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const snsHost = "sns.eu-central-1.amazonaws.com"

// sns is the host from which the relay gets the certificate of SNS. The relay reaches it
// through a proxy, and trusts its certificate authority.
type sns struct {
	key        *rsa.PrivateKey // signs notifications
	proxy      string          // its URL
	authority  string          // the file with the certificate of its authority
	certified  []byte          // the certificate of key, in PEM
	tlsAddress string
}

func newSNS(t *testing.T) *sns {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &sns{key: key, authority: filepath.Join(t.TempDir(), "authority.pem")}
	s.certified = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate(t, key.Public(), key)})

	hostKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host := certificate(t, hostKey.Public(), hostKey)
	if err := os.WriteFile(s.authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: host}), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{host}, PrivateKey: hostKey}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	s.tlsAddress = server.Listener.Addr().String()

	proxy := httptest.NewServer(http.HandlerFunc(s.connect))
	t.Cleanup(proxy.Close)
	s.proxy = proxy.URL
	return s
}

// certificate returns a certificate that certifies itself, for the host of SNS.
func certificate(t *testing.T, public, private any) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: snsHost}, DNSNames: []string{snsHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// serve answers as the host does.
func (s *sns) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path != "/SimpleNotificationService-1.pem" {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(s.certified)
}

// connect is the proxy. It knows only the host.
func (s *sns) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect || r.Host != snsHost+":443" {
		http.Error(w, "not the host of SNS", http.StatusForbidden)
		return
	}
	there, err := net.Dial("tcp", s.tlsAddress)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	here, read, err := http.NewResponseController(w).Hijack()
	if err != nil {
		there.Close()
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 Connected\r\n\r\n")
	go func() {
		_, _ = io.Copy(there, read) // the server may have read ahead
		there.Close()
	}()
	_, _ = io.Copy(here, there)
	here.Close()
}
