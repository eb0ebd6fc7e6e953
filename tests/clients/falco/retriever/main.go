// Retriever uses the API as event-generator's test command does, whose module is in no proxy: it does what a rule looks
// for, and only then opens a stream of its own and waits for the alert, asking every 100 ms.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/client"

	"example.com/falco-clients/dial"
)

var errFound = errors.New("found")

// act stands for an action that Falco sees: it posts the alert, as Falco would.
func act(url, alert string) {
	answer, err := http.Post(url, "application/json", bytes.NewBufferString(alert))
	if err != nil || answer.StatusCode != http.StatusOK {
		log.Fatalf("act: %v %v", answer, err)
	}
}

// retrieve waits for an alert of the rule, on a stream of its own.
func retrieve(ctx context.Context, falco *client.Client, rule string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	service, err := falco.Outputs()
	if err != nil {
		return err
	}
	stream, err := service.Sub(ctx)
	if err != nil {
		return err
	}
	err = client.OutputsWatch(ctx, stream, func(response *outputs.Response) error {
		if response.Rule == rule {
			return errFound
		}
		return nil
	}, 100*time.Millisecond)
	if errors.Is(err, errFound) {
		return nil
	}
	return fmt.Errorf("no alert of %q: %w", rule, err)
}

func main() {
	url := flag.String("url", "", "where Falco posts")
	actions := flag.Int("actions", 5, "how many actions")
	pause := flag.Duration("pause", 300*time.Millisecond, "between an action and its stream")
	flag.Parse()
	ctx := context.Background()
	falco := dial.Falco(ctx)
	defer falco.Close()
	for action := range *actions {
		rule := fmt.Sprintf("Action %d", action)
		act(*url, fmt.Sprintf(`{"rule": %q, "priority": "Notice", "time": %q, "output_fields": {"evt.num": %d}}`,
			rule, time.Now().UTC().Format(time.RFC3339Nano), action))
		time.Sleep(*pause)
		if err := retrieve(ctx, falco, rule); err != nil {
			log.Fatal(err)
		}
		fmt.Println(rule)
	}
}
