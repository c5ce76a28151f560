package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// front stands before the API server: it can be away, and its clock can be off.
type front struct {
	shift   atomic.Int64 // what is added to the date of each answer
	address string
	handler http.Handler
	server  *httptest.Server
}

func newFront(t *testing.T) *front {
	t.Helper()
	config := controlplane.ForTest(t).Config()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport, proxy.FlushInterval = transport, -1 // watches are answered line by line
	proxy.ModifyResponse = func(answer *http.Response) error {
		date, err := http.ParseTime(answer.Header.Get("Date"))
		if err != nil {
			return err
		}
		answer.Header.Set("Date", date.Add(time.Duration(f.shift.Load())).UTC().Format(http.TimeFormat))
		return nil
	}
	f.handler = proxy
	f.start(t)
	f.address = f.server.Listener.Addr().String()
	t.Cleanup(f.stop)
	return f
}

// start lets it answer; at the same address each time.
func (f *front) start(t *testing.T) {
	t.Helper()
	f.server = httptest.NewUnstartedServer(f.handler)
	if f.address != "" {
		listener, err := net.Listen("tcp", f.address)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.server.Listener.Close(); err != nil {
			t.Fatal(err)
		}
		f.server.Listener = listener
	}
	f.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	f.server.StartTLS()
}

// stop lets it answer no more.
func (f *front) stop() {
	f.server.CloseClientConnections()
	f.server.Listener.Close() //nolint:errcheck // it may have been stopped before
}

// kubeconfig leads to it.
func (f *front) kubeconfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"front": {Server: "https://" + f.address, InsecureSkipTLSVerify: true}},
		Contexts:       map[string]*clientcmdapi.Context{"front": {Cluster: "front"}},
		CurrentContext: "front",
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
