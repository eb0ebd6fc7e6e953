// Package falcogateway subscribes to the alerts of a falco-gateway: filtered, in order, and resumed by itself.
//
//	conn, err := falcogateway.Dial("127.0.0.1:5060")
//	if err != nil {
//		return err
//	}
//	stream := falcogateway.NewStream(conn, &v1.StreamAlertsRequest{Filter: "priority >= error"})
//	for event, err := range stream.Events(ctx) {
//		if err != nil {
//			return err
//		}
//		switch event := event.(type) {
//		case *falcogateway.Alert:
//			fmt.Println(event.Alert.Rule, event.Cursor())
//		case *falcogateway.Loss:
//			log.Println("lost", event.Notice.Lost)
//		}
//	}
//
// The messages and the plain calls are in falcogateway/v1, generated from the gateway's protos.
package falcogateway
