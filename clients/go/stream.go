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
	"google.golang.org/grpc/codes"
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
	running atomic.Bool
	wasOpen bool
	over    bool
	wait    time.Duration
	due     time.Time
}

// broken is why a call ended without the end of the stream, and what the gateway asks to wait.
type broken struct {
	why   string
	err   *Error
	asked time.Duration
}

// errRunning is for those who ask for events while somebody else has them.
var errRunning = &Error{Code: codes.FailedPrecondition, Message: "somebody has the events of this stream already"}

// NewStream is a stream of what request asks for. Nothing is sent before its events are asked for.
func NewStream(conn *grpc.ClientConn, request *v1.StreamAlertsRequest, options ...grpc.CallOption) *Stream {
	stream := &Stream{conn: conn, request: request, options: options, wait: firstWait}
	cursor := request.GetAfterCursor()
	stream.cursor.Store(&cursor)
	return stream
}

// Cursor is the position after all that was handed out: keep it, and pass it as AfterCursor to go on there in another
// process. It may be asked for from any goroutine.
func (s *Stream) Cursor() string { return *s.cursor.Load() }

// Events are the events, until ctx is done, the end that the request asked for is reached, or an [*Error] comes, which
// trying again cannot mend. A stream that has ended stays so; one that was left goes on where it was when its events are
// asked for again. One goroutine at a time may.
func (s *Stream) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if s.running.Swap(true) {
			yield(nil, errRunning)
			return
		}
		defer s.running.Store(false)
		for s.pause(ctx) {
			why, err := s.once(ctx, yield)
			if err != nil {
				s.over = true
				yield(nil, err)
				return
			}
			if why == nil || ctx.Err() != nil || !yield(s.reconnecting(why), nil) {
				return
			}
		}
	}
}

// pause waits until the stream is to be opened; it says whether it is.
func (s *Stream) pause(ctx context.Context) bool {
	if wait := time.Until(s.due); !s.over && wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return !s.over && ctx.Err() == nil
}

func (s *Stream) reconnecting(why *broken) *Reconnecting {
	// Never sooner than is asked for, and not all clients at once.
	delay := time.Duration(float64(max(why.asked, s.wait)) * (1 + rand.Float64()/2))
	s.wait = min(2*s.wait, longestWait)
	s.due = time.Now().Add(delay)
	return &Reconnecting{position(s.Cursor()), why.why, why.err, delay}
}

// once is the events of one call; it returns why the call broke, or nothing if there is to be no other.
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
	case failed.IsFinal() || s.conn.GetState() == connectivity.Shutdown:
		return nil, failed
	default:
		return &broken{failed.Error(), failed, max(why.asked, failed.RetryDelay)}, nil
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

// read is the events of a call that is open; with an error it returns what the gateway had asked to wait.
func (s *Stream) read(ctx context.Context, watchdog *time.Timer, yield func(Event, error) bool) (*broken, error) {
	why := &broken{why: "the stream ended"}
	frames, err := v1.NewAlertServiceClient(s.conn).StreamAlerts(ctx, s.nextRequest(), s.options...)
	if err != nil {
		return why, err
	}
	patience := openPatience
	for {
		watchdog.Reset(patience)
		frame, err := frames.Recv()
		watchdog.Stop()
		if errors.Is(err, io.EOF) {
			return why, nil
		}
		if err != nil {
			return why, err
		}
		switch kind := frame.Kind.(type) {
		case *v1.StreamFrame_Opened:
			s.wasOpen, s.wait = true, firstWait
			if heartbeat := within(kind.Opened.HeartbeatInterval.AsDuration()); heartbeat > 0 {
				patience = missedHeartbeats * heartbeat
			}
		case *v1.StreamFrame_Alerts:
			if !s.handOut(ctx, kind.Alerts.Records, yield) {
				return nil, nil
			}
		case *v1.StreamFrame_Closing:
			if kind.Closing.Reason == v1.ClosingReason_CLOSING_REASON_REACHED_HEAD {
				s.moveTo(frame.Cursor)
				s.over = true
				return nil, nil
			}
			why = &broken{why: "the gateway closed the stream", asked: within(kind.Closing.ResumeDelay.AsDuration())}
		}
		s.moveTo(frame.Cursor)
		if event := eventOf(frame); event != nil && !yield(event, nil) {
			return nil, nil
		}
	}
}

// handOut says whether more is wanted.
func (s *Stream) handOut(ctx context.Context, records []*v1.AlertRecord, yield func(Event, error) bool) bool {
	for _, record := range records {
		if ctx.Err() != nil {
			return false
		}
		s.moveTo(record.Cursor)
		if !yield(&Alert{position(record.Cursor), record.Alert}, nil) {
			return false
		}
	}
	return true
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

func (s *Stream) moveTo(cursor string) {
	if cursor != "" {
		s.cursor.Store(&cursor)
	}
}
