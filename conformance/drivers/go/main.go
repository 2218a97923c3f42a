// Command driver drives the Go client over the protocol of conformance/PROTOCOL.md. Methods are found by name and called
// by reflection, so there is no code for a single operation here.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"time"

	hevlayer "github.com/hev/layer/clients/go"
)

// lineMax is the longest line of the protocol, in bytes.
const lineMax = 16 << 20

type message struct {
	Type    string                     `json:"type"`
	ID      int64                      `json:"id"`
	Op      string                     `json:"op"`
	Client  clientConfig               `json:"client"`
	Path    []json.RawMessage          `json:"path"`
	Query   map[string]json.RawMessage `json:"query"`
	Body    json.RawMessage            `json:"body"`
	Takes   struct{ Body, Query bool } `json:"takes"`
	Options callOptions                `json:"options"`
	Perf    bool                       `json:"perf"`
	Iterate bool                       `json:"iterate"`
}

type clientConfig struct {
	BaseURL    *string  `json:"base_url"`
	APIKey     *string  `json:"api_key"`
	TimeoutMS  *float64 `json:"timeout_ms"`
	MaxRetries *int     `json:"max_retries"`
	DirectKey  *string  `json:"turbopuffer_api_key"`
	DirectURL  *string  `json:"turbopuffer_base_url"`
	Fallback   *bool    `json:"fallback_to_turbopuffer"`
}

type callOptions struct {
	TimeoutMS  *float64          `json:"timeout_ms"`
	MaxRetries *int              `json:"max_retries"`
	Headers    map[string]string `json:"headers"`
}

// iterator is what every Iter[T] has beside Item.
type iterator interface {
	Next() bool
	Err() error
}

type driver struct {
	mutex   sync.Mutex
	out     *json.Encoder
	clients map[string]*hevlayer.Client
	cancels map[int64]context.CancelFunc
	walks   map[int64]iterator
}

func main() {
	d := &driver{
		out:     json.NewEncoder(os.Stdout),
		clients: map[string]*hevlayer.Client{},
		cancels: map[int64]context.CancelFunc{},
		walks:   map[int64]iterator{},
	}
	d.send(map[string]any{
		"type": "hello", "protocol": 1, "driver": "go", "runtime": runtime.Version(), "client_version": hevlayer.Version,
	})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineMax)
	for lines.Scan() {
		m := &message{}
		if err := json.Unmarshal(lines.Bytes(), m); err != nil {
			fmt.Fprintln(os.Stderr, "not a message:", err)
			os.Exit(1)
		}
		switch m.Type {
		case "bye":
			d.send(map[string]any{"type": "bye"})
			return
		case "cancel":
			d.cancel(m.ID)
		case "call":
			ctx, cancel := context.WithCancel(context.Background())
			d.mutex.Lock()
			d.cancels[m.ID] = cancel
			d.mutex.Unlock()
			go d.answer(m.ID, func() (map[string]any, error) { return d.call(ctx, m) })
		case "next":
			go d.answer(m.ID, func() (map[string]any, error) { return d.next(m.ID) })
		case "close":
			d.cancel(m.ID)
			d.send(map[string]any{"type": "result", "id": m.ID, "done": true})
		}
	}
}

func (d *driver) send(answer map[string]any) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if err := d.out.Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, "cannot write:", err)
		os.Exit(1)
	}
}

func (d *driver) cancel(id int64) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if cancel, ok := d.cancels[id]; ok {
		cancel()
	}
}

func (d *driver) answer(id int64, perform func() (map[string]any, error)) {
	answer, err := perform()
	if err != nil {
		answer = errorAnswer(err)
	}
	answer["id"] = id
	d.send(answer)
}

func (d *driver) call(ctx context.Context, m *message) (map[string]any, error) {
	name := strings.ToUpper(m.Op[:1]) + m.Op[1:]
	if m.Iterate {
		name = "Iter" + strings.TrimPrefix(name, "List")
	}
	if m.Perf {
		name += "WithPerf"
	}
	method := reflect.ValueOf(d.client(m.Client)).MethodByName(name)
	if !method.IsValid() {
		return nil, fmt.Errorf("the client has no method %s", name)
	}
	args, err := arguments(ctx, m, method.Type())
	if err != nil {
		return nil, fmt.Errorf("arguments of %s: %w", name, err)
	}
	returned := method.Call(args)
	if m.Iterate {
		d.mutex.Lock()
		defer d.mutex.Unlock()
		d.walks[m.ID] = returned[0].Interface().(iterator)
		return map[string]any{"type": "result", "iterator": true}, nil
	}
	if failed, _ := returned[1].Interface().(error); failed != nil {
		return nil, failed
	}
	return result(returned[0], m.Perf)
}

func (d *driver) next(id int64) (map[string]any, error) {
	d.mutex.Lock()
	walk := d.walks[id]
	d.mutex.Unlock()
	if !walk.Next() {
		return map[string]any{"type": "result", "done": true}, walk.Err()
	}
	item := reflect.ValueOf(walk).MethodByName("Item").Call(nil)[0]
	value, err := tagged(item.Interface())
	return map[string]any{"type": "result", "value": value, "done": false}, err
}

func (d *driver) client(config clientConfig) *hevlayer.Client {
	key, _ := json.Marshal(config)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if known, ok := d.clients[string(key)]; ok {
		return known
	}
	var options []hevlayer.Option
	add := func(given bool, option func() hevlayer.Option) {
		if given {
			options = append(options, option())
		}
	}
	add(config.BaseURL != nil, func() hevlayer.Option { return hevlayer.WithBaseURL(*config.BaseURL) })
	add(config.APIKey != nil, func() hevlayer.Option { return hevlayer.WithAPIKey(*config.APIKey) })
	add(config.TimeoutMS != nil, func() hevlayer.Option { return hevlayer.WithTimeout(milliseconds(*config.TimeoutMS)) })
	add(config.MaxRetries != nil, func() hevlayer.Option { return hevlayer.WithMaxRetries(*config.MaxRetries) })
	add(config.DirectKey != nil, func() hevlayer.Option { return hevlayer.WithTurbopufferAPIKey(*config.DirectKey) })
	add(config.DirectURL != nil, func() hevlayer.Option { return hevlayer.WithTurbopufferBaseURL(*config.DirectURL) })
	add(config.Fallback != nil, func() hevlayer.Option { return hevlayer.WithFallbackToTurbopuffer(*config.Fallback) })
	d.clients[string(key)] = hevlayer.NewClient(options...)
	return d.clients[string(key)]
}

// arguments are the context, the path, the body and the query parameters, then the call's options.
func arguments(ctx context.Context, m *message, method reflect.Type) ([]reflect.Value, error) {
	args := []reflect.Value{reflect.ValueOf(ctx)}
	add := func(text json.RawMessage) error {
		value, err := decode(text, method.In(len(args)))
		args = append(args, value)
		return err
	}
	for _, text := range m.Path {
		if err := add(text); err != nil {
			return nil, err
		}
	}
	if m.Takes.Body {
		if err := add(m.Body); err != nil {
			return nil, err
		}
	}
	if m.Takes.Query {
		var text json.RawMessage
		if len(m.Query) > 0 {
			text, _ = json.Marshal(m.Query)
		}
		if err := add(text); err != nil {
			return nil, err
		}
	}
	for _, option := range requestOptions(m.Options) {
		args = append(args, reflect.ValueOf(option))
	}
	return args, nil
}

func requestOptions(given callOptions) []hevlayer.RequestOption {
	var options []hevlayer.RequestOption
	if given.TimeoutMS != nil {
		options = append(options, hevlayer.WithTimeout(milliseconds(*given.TimeoutMS)))
	}
	if given.MaxRetries != nil {
		options = append(options, hevlayer.WithMaxRetries(*given.MaxRetries))
	}
	for name, value := range given.Headers {
		options = append(options, hevlayer.WithHeader(name, value))
	}
	return options
}

func milliseconds(count float64) time.Duration {
	return time.Duration(count * float64(time.Millisecond))
}

// result splits what a WithPerf method returned into value and meta.
func result(returned reflect.Value, perf bool) (map[string]any, error) {
	answer := map[string]any{"type": "result"}
	if perf {
		measured := returned.Elem().FieldByName("Perf").Interface().(hevlayer.Perf)
		returned = returned.Elem().FieldByName("Data")
		answer["meta"] = map[string]any{
			"status": measured.StatusCode, "headers": lowerCase(measured.Header), "cache_status": nullable(measured.CacheStatus),
			"fallback": nullable(measured.Fallback), "latency_ms": measured.LatencyMS, "attempts": measured.Attempts,
		}
	}
	value, err := tagged(returned.Interface())
	answer["value"] = value
	return answer, err
}
