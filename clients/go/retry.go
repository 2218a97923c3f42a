package hevlayer

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	retryFirst = 250 * time.Millisecond
	retryMost  = 8 * time.Second
	// retryAfterMost is the longest wait a server may ask for; beyond it the caller decides.
	retryAfterMost = 60 * time.Second
)

// retryStatuses are worth another try of a call that may be repeated.
var retryStatuses = []int{
	http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
	http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// send makes attempts at one server until one succeeds or another would be wrong. A failure to reach the server ends it at
// once where leave says that the call can go elsewhere. The answer is a success; any other is an APIError.
func (c *Client) send(ctx context.Context, to *target, out *outgoing, leave func() bool) (*answer, error) {
	for attempts := 1; ; attempts++ {
		made := out.earlier + attempts
		if out.caller.Err() != nil {
			return nil, c.describe(cancelled(out.caller), out.op, made-1)
		}
		started := c.config.clock.now()
		got, err := c.attempt(ctx, to, out)
		if err == nil {
			got.attempts = made
			err = got.problem(c.config.clock.now())
		}
		c.config.logger.DebugContext(ctx, "hevlayer attempt", "operation", out.op.id, "attempt", made,
			"duration_ms", milliseconds(c.config.clock.now().Sub(started)), "failed", err != nil)
		if err == nil {
			return got, nil
		}
		wait, again := c.retryWait(ctx, out, err, attempts)
		if !again || leave != nil && mayLeave(out.op, err) && leave() {
			return nil, c.describe(err, out.op, made)
		}
		// Waiting past the total timeout helps nobody.
		if out.total > 0 && time.Since(out.started)+wait >= out.total {
			return nil, c.describe(outOfTime(out, err), out.op, made)
		}
		c.config.logger.InfoContext(ctx, "hevlayer retry", "operation", out.op.id, "attempt", made, "wait_ms", wait.Milliseconds())
		if c.config.clock.sleep(ctx, wait) != nil {
			return nil, c.describe(interrupted(out, err), out.op, made)
		}
	}
}

// interrupted is the end of a call during a wait: by the caller, or by the total timeout over the last failure.
func interrupted(out *outgoing, last error) error {
	if out.caller.Err() != nil {
		return cancelled(out.caller)
	}
	return outOfTime(out, last)
}

// outOfTime is the end of a call whose total timeout leaves no time for another attempt.
func outOfTime(out *outgoing, last error) error {
	message := "the total timeout of " + out.total.String() + " leaves no time to retry: " + last.Error()
	return &APITimeoutError{APIConnectionError{HevlayerError: HevlayerError{Message: message, cause: last}}}
}

// problem is the answer as an error, nil for a success.
func (a *answer) problem(now time.Time) error {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	err := newAPIError(a.status, a.header, a.body)
	err.RetryAfter, _ = retryAfter(a.header, now)
	return err
}

// retryWait says whether to send the call again, and after how long.
func (c *Client) retryWait(ctx context.Context, out *outgoing, err error, attempts int) (time.Duration, bool) {
	if attempts > out.maxRetries || ctx.Err() != nil {
		return 0, false
	}
	var connection *APIConnectionError
	if errors.As(err, &connection) {
		return c.backoff(attempts), out.op.safe != safeOnce || connection.unreached
	}
	var status *APIError
	if !errors.As(err, &status) {
		return 0, false
	}
	wait, asked := retryAfter(status.Header, c.config.clock.now())
	if !asked {
		wait = c.backoff(attempts)
	}
	return wait, wait <= retryAfterMost && retryable(out.op.safe, status, asked)
}

// retryable judges an error status. A code that is never worth another try settles it; then the server's own word,
// x-should-retry, comes before the rules for statuses.
func retryable(safe safety, err *APIError, asked bool) bool {
	if !err.Kind.Retryable() {
		return false
	}
	switch strings.ToLower(err.Header.Get("X-Should-Retry")) {
	case "true":
		return true
	case "false":
		return false
	}
	if safe == safeOnce {
		// Refused before it was processed: that is what these two say.
		return err.StatusCode == http.StatusTooManyRequests || err.StatusCode == http.StatusServiceUnavailable && asked
	}
	return slices.Contains(retryStatuses, err.StatusCode)
}

// backoff is 250 ms doubling up to 8 s, of which 50 to 100 percent at random, so that clients spread out.
func (c *Client) backoff(attempts int) time.Duration {
	wait := retryMost
	if attempts < 6 {
		wait = min(retryFirst<<(attempts-1), retryMost)
	}
	return time.Duration(float64(wait) * (0.5 + 0.5*c.config.jitter()))
}

// retryAfter reads how long the server asks to wait: retry-after-ms, or Retry-After in seconds, fractions or as a date.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	if millis, ok := decimal(header.Get("Retry-After-Ms")); ok {
		return waitOf(millis / 1000), true
	}
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, ok := decimal(text); ok {
		return waitOf(seconds), true
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, date.Sub(now)), true
	}
	return 0, false
}

var decimalForm = regexp.MustCompile(`^[0-9]+(\.[0-9]*)?([eE][0-9]+)?$`)

// decimal reads a finite number of at least 0 in decimal notation; ParseFloat would take "0x1p4" and "Inf" too.
func decimal(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if !decimalForm.MatchString(text) {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil
}

// waitOf bounds what a Duration cannot hold.
func waitOf(seconds float64) time.Duration {
	const most = 1e9
	return time.Duration(min(seconds, most) * float64(time.Second))
}
