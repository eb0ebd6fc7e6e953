// Watch shows what client-go's OutputsWatch gets, as lines of JSON, and first the server's version.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/api/version"

	"example.com/falco-clients/dial"
)

func main() {
	timeout := flag.Duration("timeout", time.Second, "after how much silence a request is sent")
	flag.Parse()
	ctx := context.Background()
	falco := dial.Falco(ctx)
	defer falco.Close()
	lines := json.NewEncoder(os.Stdout)

	versions, err := falco.Version()
	if err != nil {
		log.Fatal(err)
	}
	answer, err := versions.Version(ctx, &version.Request{})
	if err != nil {
		log.Fatalf("version: %v", err)
	}
	_ = lines.Encode(map[string]any{"version": answer.Version, "minor": answer.Minor})

	err = falco.OutputsWatch(ctx, func(response *outputs.Response) error {
		return lines.Encode(response)
	}, *timeout)
	if err != nil {
		log.Fatalf("watch: %v", err)
	}
	_ = lines.Encode(map[string]any{"end": true})
}
