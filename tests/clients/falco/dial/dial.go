// Package dial reads how the programs beside it are told where to connect, and connects with client-go.
package dial

import (
	"context"
	"flag"
	"log"
	"strconv"
	"time"

	"github.com/falcosecurity/client-go/pkg/client"
	"google.golang.org/grpc"
)

var config = client.Config{}

func init() {
	flag.StringVar(&config.UnixSocketPath, "socket", "", "unix:///path of the server")
	flag.StringVar(&config.Hostname, "host", "", "name of the server, for mutual TLS")
	flag.StringVar(&config.CertFile, "cert", "", "our certificate")
	flag.StringVar(&config.KeyFile, "key", "", "its key")
	flag.StringVar(&config.CARootFile, "ca", "", "the authority")
	flag.Func("port", "port of the server", func(text string) error {
		port, err := strconv.ParseUint(text, 10, 16)
		config.Port = uint16(port)
		return err
	})
}

// Falco connects as the flags say, and waits until it is connected, as falco-exporter does.
func Falco(ctx context.Context) *client.Client {
	config.DialOptions = []grpc.DialOption{grpc.WithBlock()}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	falco, err := client.NewForConfig(ctx, &config)
	if err != nil {
		log.Fatalf("connect: %v", err)
	}
	return falco
}
