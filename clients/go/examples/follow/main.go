// Follow shows a stream as lines of JSON: follow ADDRESS [REQUEST]
//
// REQUEST is a StreamAlertsRequest as JSON: '{"filter": "priority >= error", "last": 10}'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"strings"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"

	falcogateway "github.com/falco-gateway/falco-gateway/clients/go"
	v1 "github.com/falco-gateway/falco-gateway/clients/go/falcogateway/v1"
)

type line map[string]any

func said(event falcogateway.Event) line {
	switch event := event.(type) {
	case *falcogateway.Opened:
		return line{"kind": "opened", "filter": event.Grant.EffectiveFilter}
	case *falcogateway.Alert:
		return line{"kind": "alert", "id": event.Alert.Id, "rule": event.Alert.Rule}
	case *falcogateway.Loss:
		notice := event.Notice
		return line{
			"kind": "loss", "lost": notice.Lost, "lowerBound": notice.LowerBound, "cause": notice.Cause.String(),
		}
	case *falcogateway.State:
		return line{"kind": "state", "state": event.State.String()}
	case *falcogateway.Source:
		return line{"kind": "source", "source": event.Notice.SourceId, "state": event.Notice.State.String()}
	case *falcogateway.Reconnecting:
		return line{"kind": "reconnecting", "why": event.Why, "delay": event.Delay.Seconds()}
	}
	return line{"kind": "unknown"}
}

func failed(err *falcogateway.Error) line {
	fields := []string{}
	for _, violation := range err.Violations {
		fields = append(fields, violation.Field)
	}
	return line{
		"kind": "error", "code": upperSnake(err.Code.String()), "reason": err.Reason, "metadata": err.Metadata,
		"fields": fields,
	}
}

// upperSnake makes INVALID_ARGUMENT of InvalidArgument.
func upperSnake(camel string) string {
	var snake strings.Builder
	for i, letter := range camel {
		if i > 0 && unicode.IsUpper(letter) {
			snake.WriteByte('_')
		}
		snake.WriteRune(unicode.ToUpper(letter))
	}
	return snake.String()
}

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: follow ADDRESS [REQUEST]")
	}
	request := &v1.StreamAlertsRequest{}
	if len(os.Args) > 2 {
		if err := protojson.Unmarshal([]byte(os.Args[2]), request); err != nil {
			log.Fatalf("the request: %v", err)
		}
	}
	conn, err := falcogateway.Dial(os.Args[1])
	if err != nil {
		log.Fatalf("the address: %v", err)
	}
	defer conn.Close()
	lines := json.NewEncoder(os.Stdout)
	for event, err := range falcogateway.NewStream(conn, request).Events(context.Background()) {
		var refused *falcogateway.Error
		if errors.As(err, &refused) {
			_ = lines.Encode(failed(refused))
			os.Exit(1)
		}
		told := said(event)
		told["cursor"] = event.Cursor()
		_ = lines.Encode(told)
	}
	_ = lines.Encode(line{"kind": "end"})
}
