package hevlayer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func jobReply(status string, progress float64) reply {
	return reply{status: 200, body: fmt.Sprintf(`{"id":"j","namespace":"products","status":%q,"progress":%g}`, status, progress)}
}

func headed(r reply, name, value string) reply {
	r.header = map[string]string{name: value}
	return r
}

func waits(t *testing.T, clock *fakeClock, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(clock.waits, want) {
		t.Errorf("waits %v, want %v", clock.waits, want)
	}
}

func TestAJobThatHasEndedIsGivenAtOnce(t *testing.T) {
	server := serve(t, jobReply("completed", 1))
	client, clock := testClient(t, server.URL)
	job, err := client.WaitForWarmJob(context.Background(), "products", "j", nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "status", job.Status, WarmJobStatusCompleted)
	equal(t, "target", server.last(t).target, "/v2/namespaces/products/warm-jobs/j")
	waits(t, clock)
}

func TestAWaitAsksEverMoreSeldomUpToEveryFiveSeconds(t *testing.T) {
	script := []reply{10: jobReply("completed", 1)}
	for index := range script[:10] {
		script[index] = jobReply("running", 0)
	}
	server := serve(t, script...)
	client, clock := testClient(t, server.URL)
	if _, err := client.WaitForWarmJob(context.Background(), "products", "j", nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "requests", len(server.sent()), 11)
	equal(t, "first wait", clock.waits[0], 250*time.Millisecond)
	equal(t, "second wait", clock.waits[1], 375*time.Millisecond)
	equal(t, "last wait", clock.waits[9], 5*time.Second)
}

func TestAWaitTakesOtherPausesAndTellsOfEveryAnswer(t *testing.T) {
	server := serve(t, jobReply("running", 0.1), jobReply("running", 0.6), jobReply("running", 0.9), jobReply("completed", 1))
	client, clock := testClient(t, server.URL)
	var told []float64
	_, err := client.WaitForWarmJob(context.Background(), "products", "j", &WaitOptions[*WarmJob]{
		FirstDelay: 100 * time.Millisecond, DelayFactor: 3, MaxDelay: 200 * time.Millisecond,
		OnProgress: func(job *WarmJob) { told = append(told, job.Progress) },
	})
	if err != nil {
		t.Fatal(err)
	}
	waits(t, clock, 100*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond)
	if !slices.Equal(told, []float64{0.1, 0.6, 0.9, 1}) {
		t.Errorf("told %v", told)
	}
}

func TestAFailedJobIsAnErrorWithTheJob(t *testing.T) {
	failed := reply{status: 200, body: `{"id":"j","status":"failed","progress":0.5,"error":"page 3 was lost"}`}
	client, _ := testClient(t, serve(t, jobReply("running", 0.5), failed).URL)
	job, err := client.WaitForWarmJob(context.Background(), "products", "j", nil)
	var wanted *JobFailedError
	if !errors.As(err, &wanted) {
		t.Fatalf("got %v", err)
	}
	equal(t, "text", err.Error(), "hevlayer: getWarmJob: the job failed: page 3 was lost")
	equal(t, "job", wanted.Job.(*WarmJob), job)
	equal(t, "requests", wanted.Attempts, 2)
	var base *HevlayerError
	equal(t, "in the tree", errors.As(err, &base), true)
}

func TestAStateOfTomorrowCountsAsRunning(t *testing.T) {
	server := serve(t, jobReply("paused", 0.5), reply{status: 200, body: `{"id":"j"}`}, jobReply("completed", 1))
	client, _ := testClient(t, server.URL)
	if _, err := client.WaitForWarmJob(context.Background(), "products", "j", nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "requests", len(server.sent()), 3)
}

func TestFailuresThatMayPassDoNotEndAWait(t *testing.T) {
	server := serve(t, reply{cut: true}, reply{status: 500}, reply{status: 503}, jobReply("completed", 1))
	client, clock := testClient(t, server.URL)
	if _, err := client.WaitForWarmJob(context.Background(), "products", "j", nil); err != nil {
		t.Fatal(err)
	}
	waits(t, clock, 250*time.Millisecond, 375*time.Millisecond, 562500*time.Microsecond)
}

func TestAFailureThatWillNotPassEndsAWait(t *testing.T) {
	server := serve(t, jobReply("running", 0), reply{status: 404, body: `{"error":"not_found","message":"none"}`})
	client, _ := testClient(t, server.URL)
	_, err := client.WaitForWarmJob(context.Background(), "products", "j", nil)
	equal(t, "not found", errors.Is(err, ErrNotFound), true)
	equal(t, "requests", len(server.sent()), 2)
}

func TestAWaitObeysRetryAfterButAsksNoSoonerForIt(t *testing.T) {
	server := serve(t, headed(jobReply("running", 0), "Retry-After", "2"), headed(reply{status: 429}, "Retry-After", "90"),
		headed(jobReply("running", 0), "Retry-After", "0"), jobReply("completed", 1))
	client, clock := testClient(t, server.URL)
	if _, err := client.WaitForWarmJob(context.Background(), "products", "j", nil); err != nil {
		t.Fatal(err)
	}
	waits(t, clock, 2*time.Second, 90*time.Second, 562500*time.Microsecond)
}

func TestAWaitGivesUpAfterTenMinutesWithTheJobAsItWasLastSeen(t *testing.T) {
	client, clock := testClient(t, serve(t, jobReply("running", 0.4)).URL)
	job, err := client.WaitForWarmJob(context.Background(), "products", "j", nil)
	var late *WaitTimeoutError
	if !errors.As(err, &late) {
		t.Fatalf("got %v", err)
	}
	equal(t, "text", err.Error(), "hevlayer: getWarmJob: not ended within 10m0s: the job runs, progress 0.4")
	equal(t, "job", late.Job.(*WarmJob), job)
	equal(t, "progress", job.Progress, 0.4)
	equal(t, "timeout", late.Timeout(), true)
	var total time.Duration
	for _, wait := range clock.waits {
		total += wait
	}
	equal(t, "time", total, 10*time.Minute-250*time.Millisecond)
}

func TestAWaitGivesUpAtOnceWhereMorePatienceIsAskedThanThereIs(t *testing.T) {
	client, clock := testClient(t, serve(t, headed(reply{status: 503}, "Retry-After", "30")).URL)
	job, err := client.WaitForWarmJob(context.Background(), "products", "j", nil, WithTotalTimeout(20*time.Second))
	var late *WaitTimeoutError
	if !errors.As(err, &late) {
		t.Fatalf("got %v", err)
	}
	equal(t, "jobs", job == nil && late.Job == nil, true)
	equal(t, "cause", errors.Is(err, ErrServer), true)
	waits(t, clock)
}

func TestAWaitLooksOnceMoreShortlyBeforeItsLimit(t *testing.T) {
	client, clock := testClient(t, serve(t, jobReply("running", 0)).URL)
	_, err := client.WaitForWarmJob(context.Background(), "products", "j",
		&WaitOptions[*WarmJob]{DelayFactor: 4, MaxDelay: 1250 * time.Millisecond}, WithTotalTimeout(2*time.Second))
	var late *WaitTimeoutError
	equal(t, "late", errors.As(err, &late), true)
	waits(t, clock, 250*time.Millisecond, time.Second, 500*time.Millisecond)
}

func TestAnAnswerIsNotWaitedForPastTheLimit(t *testing.T) {
	client, _ := testClient(t, serve(t, jobReply("running", 0), reply{stall: true}).URL, withClock(systemClock{}))
	started := time.Now()
	_, err := client.WaitForWarmJob(context.Background(), "products", "j",
		&WaitOptions[*WarmJob]{FirstDelay: 50 * time.Millisecond}, WithTotalTimeout(500*time.Millisecond))
	var late *WaitTimeoutError
	equal(t, "late", errors.As(err, &late), true)
	if took := time.Since(started); took < 400*time.Millisecond || took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestEndingTheContextEndsAWaitWithin50Milliseconds(t *testing.T) {
	for where, answer := range map[string]reply{"a pause": jobReply("running", 0), "an answer": {stall: true}} {
		client, _ := testClient(t, serve(t, answer).URL, withClock(systemClock{}))
		reason := errors.New("the user left")
		// A busy machine may take a turn away from one of them; it does not from all.
		fastest := time.Hour
		for try := 0; try < 5; try++ {
			ctx, cancel := context.WithCancelCause(context.Background())
			var cancelledAt time.Time
			time.AfterFunc(100*time.Millisecond, func() {
				cancelledAt = time.Now()
				cancel(reason)
			})
			_, err := client.WaitForWarmJob(ctx, "products", "j", &WaitOptions[*WarmJob]{FirstDelay: 20 * time.Second})
			fastest = min(fastest, time.Since(cancelledAt))
			var ended *CancelledError
			if !errors.As(err, &ended) || !errors.Is(err, reason) || !errors.Is(err, context.Canceled) {
				t.Errorf("%s: got %v", where, err)
			}
		}
		if fastest > 50*time.Millisecond {
			t.Errorf("%s: took %s at best", where, fastest)
		}
	}
}

func TestOptionsOfAWaitThatCannotBeUsedAreRefusedBeforeItAsks(t *testing.T) {
	server := serve(t, jobReply("completed", 1))
	client, _ := testClient(t, server.URL)
	for message, options := range map[string]*WaitOptions[*WarmJob]{
		"FirstDelay and MaxDelay must not be negative": {FirstDelay: -1},
		"got 0s and -1s": {MaxDelay: -time.Second},
		"DelayFactor must be a number of at least 1": {DelayFactor: 0.5},
	} {
		_, err := client.WaitForWarmJob(context.Background(), "products", "j", options)
		var problem *ConfigError
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: got %v", message, err)
		}
	}
	_, err := client.WaitForWarmJob(context.Background(), "products", "j", nil, WithTotalTimeout(0))
	var problem *ConfigError
	equal(t, "total timeout", errors.As(err, &problem), true)
	_, err = (&Client{}).WaitForWarmJob(context.Background(), "products", "j", nil)
	equal(t, "zero client", errors.As(err, &problem), true)
	equal(t, "requests", len(server.sent()), 0)
}

func TestSwitchedOffStepsOfAWarmHintAreSentAsFalse(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"namespace":"products"}`})
	client, _ := testClient(t, server.URL)
	_, err := client.HintCacheWarm(context.Background(), "products",
		&HintCacheWarmParams{Turbopuffer: Bool(false), Documents: Bool(false), Snapshots: Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "target", server.last(t).target, "/v1/namespaces/products/hint_cache_warm?turbopuffer=false&documents=false&snapshots=true")
	if _, err = client.WarmNamespaceWithPerf(context.Background(), "products", &WarmCacheParams{PageSize: 5}); err != nil {
		t.Fatal(err)
	}
	equal(t, "target", server.last(t).target, "/v2/namespaces/products/warm?page_size=5")
}
