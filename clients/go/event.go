package falcogateway

import (
	"time"

	v1 "github.com/falco-gateway/falco-gateway/clients/go/falcogateway/v1"
)

// Event is what a stream says: one of *Opened, *Alert, *Loss, *State, *Source and *Reconnecting.
type Event interface {
	// Cursor is the event's position: resuming after it neither repeats nor skips.
	Cursor() string
}

type position string

// Cursor is the event's position.
func (p position) Cursor() string { return string(p) }

// Opened says that a stream was opened, for the first time or anew, and what the gateway granted.
type Opened struct {
	position
	Grant *v1.Opened
}

// Alert is an alert that matches.
type Alert struct {
	position
	Alert *v1.Alert
}

// Loss says that alerts that match will not come, how many, and why.
type Loss struct {
	position
	Notice *v1.LossNotice
}

// State says that the stream catches up, or is live.
type State struct {
	position
	State v1.StreamState
}

// Source says that a source of alerts came, went or reported losses of its own.
type Source struct {
	position
	Notice *v1.SourceNotice
}

// Reconnecting says that the stream broke, why, and after what delay it is opened anew.
type Reconnecting struct {
	position
	Why string
	// Err is the gateway's or the connection's word; nil if there was none.
	Err   *Error
	Delay time.Duration
}

// eventOf is the event of a frame that has one of its own; kinds of later versions have none.
func eventOf(frame *v1.StreamFrame) Event {
	at := position(frame.Cursor)
	switch kind := frame.Kind.(type) {
	case *v1.StreamFrame_Opened:
		return &Opened{at, kind.Opened}
	case *v1.StreamFrame_Loss:
		return &Loss{at, kind.Loss}
	case *v1.StreamFrame_StateChange:
		return &State{at, kind.StateChange.State}
	case *v1.StreamFrame_Source:
		return &Source{at, kind.Source}
	}
	return nil
}
