package hevlayer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// This file waits for jobs. Only the job's own word ends a wait: a request that fails in a way that may pass is made
// again, and a state that this release does not know counts as running.

const (
	waitTotal  = 10 * time.Minute
	waitFirst  = 250 * time.Millisecond
	waitFactor = 1.5
	waitMost   = 5 * time.Second
)

// WaitOptions says how to wait for a job of type T. Fields that are zero have their defaults.
type WaitOptions[T any] struct {
	// FirstDelay is the pause between the first two requests. Default 250 ms.
	FirstDelay time.Duration
	// DelayFactor is by how much each further pause is longer, at least 1. Default 1.5.
	DelayFactor float64
	// MaxDelay is the longest pause, unless the server asks for a longer one. Default 5 s.
	MaxDelay time.Duration
	// OnProgress is called with the job after every answer.
	OnProgress func(job T)
}

// jobState is what an answer says of a job.
type jobState int

const (
	jobRuns jobState = iota
	jobDone
	jobFailed
)

// waitFor reads a job until it has ended. look says how a job stands and how far it is.
func waitFor[T any](ctx context.Context, c *Client, op *operation, args arguments, look func(T) (jobState, float64), options *WaitOptions[T], opts []RequestOption) (T, error) {
	var job T
	if c == nil || c.config == nil {
		return job, (&Client{config: &config{}}).refuse(op, "the client was not made by NewClient")
	}
	if options == nil {
		options = &WaitOptions[T]{}
	}
	p, err := newPace(c.config, options.FirstDelay, options.MaxDelay, options.DelayFactor, opts)
	if err != nil {
		return job, c.describe(err, op, 0)
	}
	late := &WaitTimeoutError{HevlayerError: HevlayerError{Message: fmt.Sprintf("not ended within %s: the job was never seen", p.limit)}}
	for polls := 1; ; polls++ {
		got, err := call[T](ctx, c, op, args, p.requestOptions(opts))
		asked, passing := askedAfter(op, err)
		if err != nil && !passing {
			return job, err
		}
		if late.cause = err; err == nil {
			job, asked = got.Data, got.askedWait(c.config.clock.now())
			if options.OnProgress != nil {
				options.OnProgress(job)
			}
			state, progress := look(job)
			switch state {
			case jobDone:
				return job, nil
			case jobFailed:
				return job, c.describe(&JobFailedError{HevlayerError{Message: "the job failed" + failureOf(job)}, job}, op, polls)
			}
			late.Message, late.Job = fmt.Sprintf("not ended within %s: the job runs, progress %g", p.limit, progress), job
		}
		pause, again := p.next(asked)
		if !again {
			return job, c.describe(late, op, polls)
		}
		if c.config.clock.sleep(ctx, pause) != nil {
			return job, c.describe(cancelled(ctx), op, polls)
		}
	}
}

// pace is when a wait asks, and when it gives up.
type pace struct {
	clock       clock
	limit       time.Duration
	endsAt      time.Time
	first, most time.Duration
	factor      float64
	// delay is the next pause, unless the server asks for a longer one.
	delay time.Duration
	// each bounds a single request; 0 when the client has no such limit.
	each time.Duration
}

func newPace(c *config, first, most time.Duration, factor float64, opts []RequestOption) (*pace, error) {
	var own callSettings
	for _, opt := range opts {
		if opt != nil {
			opt.applyCall(&own)
		}
	}
	if own.problem != nil {
		return nil, own.problem
	}
	p := &pace{clock: c.clock, limit: waitTotal, first: waitFirst, most: waitMost, factor: waitFactor, each: c.total}
	if own.total != nil {
		p.limit = *own.total
	}
	if first < 0 || most < 0 {
		return nil, configError("WaitOptions: FirstDelay and MaxDelay must not be negative, got %s and %s", first, most)
	}
	if first > 0 {
		p.first = first
	}
	if most > 0 {
		p.most = most
	}
	if factor != 0 {
		p.factor = factor
	}
	if !(p.factor >= 1 && p.factor <= math.MaxFloat32) {
		return nil, configError("WaitOptions: DelayFactor must be a number of at least 1, got %g", factor)
	}
	p.delay, p.endsAt = p.first, c.clock.now().Add(p.limit)
	return p, nil
}

// requestOptions are those of the caller, with the limits of one request. The wait itself asks again after a failure, in
// its own time, so a request makes no retries unless the caller says so.
func (p *pace) requestOptions(opts []RequestOption) []RequestOption {
	left := max(p.endsAt.Sub(p.clock.now()), time.Millisecond)
	if p.each > 0 {
		left = min(left, p.each)
	}
	return slices.Concat([]RequestOption{WithMaxRetries(0)}, opts, []RequestOption{WithTotalTimeout(left)})
}

// next is the pause until the next request, and whether there is time for one. The last one is made a first pause before
// the limit, so that it can be answered.
func (p *pace) next(asked time.Duration) (time.Duration, bool) {
	last := p.endsAt.Sub(p.clock.now()) - p.first
	if last <= 0 || asked > last {
		return 0, false
	}
	pause := min(max(asked, p.delay), last)
	p.delay = time.Duration(min(float64(p.delay)*p.factor, float64(p.most)))
	return pause, true
}

// askedAfter says whether a failure may pass by itself, and how long the server asks to wait after it.
func askedAfter(op *operation, err error) (time.Duration, bool) {
	var connection *APIConnectionError
	if errors.As(err, &connection) {
		return 0, true
	}
	var status *APIError
	if !errors.As(err, &status) {
		return 0, false
	}
	return status.RetryAfter, retryable(op.safe, status, status.RetryAfter > 0)
}

// askedWait is how long the server asks to wait before the next request.
func (r *LayerResponse[T]) askedWait(now time.Time) time.Duration {
	wait, _ := retryAfter(r.Perf.Header, now)
	return wait
}

// failureOf is what a job says of its failure, after a colon.
func failureOf(job any) string {
	text, err := encodeJSON(job)
	if err != nil {
		return ""
	}
	var said struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(text, &said) != nil || textOf(said.Error) == "" {
		return ""
	}
	return ": " + textOf(said.Error)
}
