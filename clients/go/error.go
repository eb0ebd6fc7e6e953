package falcogateway

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is what the gateway refused, and why.
type Error struct {
	Code    codes.Code
	Message string
	// Reason is one of the gateway's documented reasons, such as CURSOR_EXPIRED; empty where somebody else answered.
	Reason string
	// Metadata is what belongs to the reason, such as earliest_cursor.
	Metadata map[string]string
	// Violations are fields of the request, and what is wrong with each.
	Violations []Violation
	// RetryDelay is when the gateway asks to be tried again; zero if it does not say.
	RetryDelay time.Duration

	status *status.Status
}

// Violation is a field of a request that is wrong.
type Violation struct {
	Field       string
	Description string
}

// A longer delay a gateway cannot mean.
const longestDelay = 10 * time.Minute

// within is what a gateway can mean of a delay that it asks for.
func within(delay time.Duration) time.Duration { return min(max(delay, 0), longestDelay) }

// ErrorOf reads the error of any of the gateway's calls. It is nil if err is: compare it as an *Error, not as an error.
func ErrorOf(err error) *Error {
	if err == nil {
		return nil
	}
	from := status.Convert(err)
	read := &Error{Code: from.Code(), Message: from.Message(), status: from}
	for _, detail := range from.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			read.Reason, read.Metadata = detail.Reason, detail.Metadata
		case *errdetails.BadRequest:
			for _, one := range detail.FieldViolations {
				read.Violations = append(read.Violations, Violation{one.Field, one.Description})
			}
		case *errdetails.RetryInfo:
			read.RetryDelay = within(detail.RetryDelay.AsDuration())
		}
	}
	return read
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// GRPCStatus lets [status.FromError] find the status that it was read from.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// IsFinal says whether trying the same again cannot help.
func (e *Error) IsFinal() bool {
	switch e.Code {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied, codes.Unauthenticated,
		codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented, codes.DataLoss:
		return true
	}
	return e.Reason == "SLOW_CONSUMER"
}
