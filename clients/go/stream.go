package falcogateway

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/proto"

	v1 "github.com/falco-gateway/falco-gateway/clients/go/falcogateway/v1"
)

const (
	// Missing this many heartbeats, a stream is dead though nobody said so.
	missedHeartbeats = 3

	// For the first frame, which comes at once.
	openPatience = 30 * time.Second

	// The first and the longest wait before trying again.
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second
)

// Stream is the alerts of a gateway, and what else its stream says. It is opened again, where it was, whenever it
// breaks. Somebody who was away for longer than the gateway keeps alerts goes on with the oldest there is, after a *Loss.
type Stream struct {
	conn    *grpc.ClientConn
	request *v1.StreamAlertsRequest
	options []grpc.CallOption
	cursor  atomic.Pointer[string]
	wasOpen bool
	wait    time.Duration
}

// broken is why a call ended without the end of the stream, and what the gateway asks to wait.
type broken struct {
	why   string
	asked time.Duration
}

// NewStream is a stream of what request asks for. Nothing is sent before its events are asked for.
func NewStream(conn *grpc.ClientConn, request *v1.StreamAlertsRequest, options ...grpc.CallOption) *Stream {
	stream := &Stream{conn: conn, request: request, options: options, wait: firstWait}
	stream.moveTo(request.GetAfterCursor())
	return stream
}

// Cursor is the position after all that was handed out: keep it, and pass it as AfterCursor to go on there in another
// process. It may be asked for from any goroutine.
func (s *Stream) Cursor() string { return *s.cursor.Load() }

// Events are the events, until ctx is done, the end that the request asked for is reached, or an [*Error] comes, which
// trying again cannot mend. Asked for again, they go on where they were. Only one goroutine at a time may.
func (s *Stream) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for ctx.Err() == nil {
			why, err := s.once(ctx, yield)
			if err != nil {
				yield(nil, err)
				return
			}
			if why == nil || ctx.Err() != nil {
				return
			}
			// Never sooner than is asked for, and not all clients at once.
			delay := time.Duration(float64(max(why.asked, s.wait)) * (1 + rand.Float64()/2))
			s.wait = min(2*s.wait, longestWait)
			if !yield(&Reconnecting{position(s.Cursor()), why.why, delay}, nil) {
				return
			}
			select {
			case <-time.After(delay):
			case <-ctx.Done():
			}
		}
	}
}

// once is the events of one call; it returns why the call broke, or nothing at the end of the stream.
func (s *Stream) once(ctx context.Context, yield func(Event, error) bool) (*broken, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var barked atomic.Bool
	watchdog := time.AfterFunc(openPatience, func() {
		barked.Store(true)
		cancel()
	})
	defer watchdog.Stop()
	s.wakeConnection(ctx)
	why, err := s.read(ctx, watchdog, yield)
	switch failed := ErrorOf(err); {
	case failed == nil:
		return why, nil
	case barked.Load():
		return &broken{why: "the gateway fell silent"}, nil
	case failed.IsFinal():
		return nil, failed
	default:
		return &broken{failed.Error(), failed.RetryDelay}, nil
	}
}

// wakeConnection has a connection that is down tried now, and not when gRPC's own wait is over.
func (s *Stream) wakeConnection(ctx context.Context) {
	if s.conn.GetState() == connectivity.TransientFailure {
		s.conn.ResetConnectBackoff()
		ctx, cancel := context.WithTimeout(ctx, firstWait)
		defer cancel()
		s.conn.WaitForStateChange(ctx, connectivity.TransientFailure)
	}
}

func (s *Stream) read(ctx context.Context, watchdog *time.Timer, yield func(Event, error) bool) (*broken, error) {
	frames, err := v1.NewAlertServiceClient(s.conn).StreamAlerts(ctx, s.nextRequest(), s.options...)
	if err != nil {
		return nil, err
	}
	patience := openPatience
	var closing *v1.Closing
	for {
		watchdog.Reset(patience)
		frame, err := frames.Recv()
		watchdog.Stop()
		if errors.Is(err, io.EOF) {
			return s.end(closing), nil
		}
		if err != nil {
			return nil, err
		}
		switch kind := frame.Kind.(type) {
		case *v1.StreamFrame_Opened:
			s.wasOpen, s.wait = true, firstWait
			if heartbeat := kind.Opened.HeartbeatInterval.AsDuration(); heartbeat > 0 {
				patience = missedHeartbeats * heartbeat
			}
		case *v1.StreamFrame_Alerts:
			for _, record := range kind.Alerts.Records {
				s.moveTo(record.Cursor)
				if !yield(&Alert{position(record.Cursor), record.Alert}, nil) {
					return nil, nil
				}
			}
		case *v1.StreamFrame_Closing:
			closing = kind.Closing
		}
		s.moveTo(frame.Cursor)
		if event := eventOf(frame); event != nil && !yield(event, nil) {
			return nil, nil
		}
	}
}

// end is what becomes of a call that ended with OK.
func (s *Stream) end(closing *v1.Closing) *broken {
	switch {
	case closing == nil && s.request.StopAtHead:
		return nil
	case closing == nil:
		return &broken{why: "the stream ended"}
	case closing.Reason == v1.ClosingReason_CLOSING_REASON_REACHED_HEAD:
		return nil
	}
	return &broken{"the gateway closed the stream", closing.ResumeDelay.AsDuration()}
}

func (s *Stream) nextRequest() *v1.StreamAlertsRequest {
	if !s.wasOpen {
		return s.request
	}
	request := proto.Clone(s.request).(*v1.StreamAlertsRequest)
	request.Start = &v1.StreamAlertsRequest_AfterCursor{AfterCursor: s.Cursor()}
	if request.OnExpiredCursor != v1.OnExpiredCursor_ON_EXPIRED_CURSOR_LATEST {
		request.OnExpiredCursor = v1.OnExpiredCursor_ON_EXPIRED_CURSOR_EARLIEST
	}
	return request
}

func (s *Stream) moveTo(cursor string) { s.cursor.Store(&cursor) }
