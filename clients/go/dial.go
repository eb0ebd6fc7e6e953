package falcogateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Far larger than any that a gateway makes.
const largestFrame = 64 << 20

// Dial makes a connection to the gateway at host:port or unix:///path, in plaintext unless an option gives credentials
// (see [TLS]). Nothing is connected before the first call.
//
// It tries to connect anew after 5 seconds at most, where gRPC itself would let two minutes go by, and it pings: a call
// after one that fell silent goes over the same connection, which may be as dead.
func Dial(address string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	reconnect := backoff.DefaultConfig
	reconnect.BaseDelay = 250 * time.Millisecond
	reconnect.MaxDelay = 5 * time.Second
	all := append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 5 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestFrame)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
	}, options...)
	return grpc.NewClient(address, all...)
}

// TLS is an option for [Dial]: ca is the PEM file of the authority that signed the gateway's certificate; certificate and
// key are for a gateway that asks for them, and may both be empty.
func TLS(ca, certificate, key string) (grpc.DialOption, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("there is no PEM certificate in %s", ca)
	}
	if certificate != "" || key != "" {
		own, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("read the certificate and its key: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return grpc.WithTransportCredentials(credentials.NewTLS(config)), nil
}
