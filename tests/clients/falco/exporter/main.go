// Exporter uses the API as falco-exporter does, whose module is in no proxy: it subscribes once, asks every second,
// counts each alert under the same labels, and exits when the stream ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/client"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/falco-clients/dial"
)

var events = promauto.NewCounterVec(
	prometheus.CounterOpts{Name: "falco_events"},
	[]string{"rule", "priority", "hostname", "source", "k8s_ns_name", "k8s_pod_name", "tags"},
)

func count(response *outputs.Response) error {
	events.WithLabelValues(
		response.Rule,
		fmt.Sprint(int32(response.Priority)),
		response.Hostname,
		response.Source,
		response.OutputFields["k8s.ns.name"],
		response.OutputFields["k8s.pod.name"],
		","+strings.Join(response.Tags, ",")+",",
	).Inc()
	return nil
}

func main() {
	flag.Parse()
	ctx := context.Background()
	falco := dial.Falco(ctx)
	defer falco.Close()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(listener, promhttp.Handler())) }()

	service, err := falco.Outputs()
	if err != nil {
		log.Fatal(err)
	}
	stream, err := service.Sub(ctx)
	if err != nil {
		log.Fatalf("sub: %v", err)
	}
	fmt.Println(listener.Addr())
	if err := client.OutputsWatch(ctx, stream, count, time.Second); err != nil {
		log.Fatalf("watch: %v", err)
	}
	fmt.Println("stream closed")
}
