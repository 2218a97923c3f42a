/** How full the process is, and what it refused because of it. */

import type { MetricTable } from "./definition.js";

export const saturationMetrics = {
  layer_requests_total: {
    kind: "counter",
    family: "saturation",
    unit: "requests",
    labels: ["operation", "status"],
    description:
      "Requests by operation of the specification (`none` for an unknown route) and by the status of their answer (`aborted` when the caller left before it)",
    alert: {
      summary: "one request in a hundred is answered with a server error",
      expr: 'sum(rate(layer_requests_total{status=~"5.."}[5m])) > 0.01 * sum(rate(layer_requests_total[5m]))',
      for: "5m",
    },
  },
  layer_refusals_total: {
    kind: "counter",
    family: "saturation",
    unit: "requests",
    labels: ["code"],
    description: "Requests that the gateway itself answered with an error, by the code in its body",
    alert: {
      summary: "callers are told to come back: bodies in flight or waiting calls are at their bound",
      expr: 'rate(layer_refusals_total{code="rate_limited"}[5m]) > 0',
      for: "5m",
    },
  },
  layer_requests_inflight: {
    kind: "gauge",
    family: "saturation",
    unit: "requests",
    labels: [],
    description: "Requests whose answer is not out yet",
    alert: {
      summary: "more than a thousand requests wait for their answers",
      expr: "sum(layer_requests_inflight) > 1000",
      for: "5m",
    },
  },
  layer_tpuf_inflight: {
    kind: "gauge",
    family: "saturation",
    unit: "calls",
    labels: [],
    description: "Calls of upstream that are open, those waiting for one of the 64 connections included",
    alert: {
      summary: "calls of upstream queue up behind its connections",
      expr: "layer_tpuf_inflight > 64",
      for: "5m",
    },
  },
  layer_aerospike_inflight: {
    kind: "gauge",
    family: "saturation",
    unit: "calls",
    labels: [],
    description: "Calls of Aerospike that are open",
    alert: {
      summary: "calls of Aerospike pile up",
      expr: "layer_aerospike_inflight > 500",
      for: "5m",
    },
  },
  layer_aerospike_connection_state: {
    kind: "gauge",
    family: "saturation",
    unit: "1 or 0",
    labels: ["state"],
    aggregator: "max",
    description: "1 for the state that the connection to Aerospike is in, `up` or `down`, 0 for the other",
    alert: {
      summary: "Aerospike is not connected: fetches go upstream",
      expr: 'layer_aerospike_connection_state{state="down"} == 1',
      for: "1m",
    },
  },
  layer_body_bytes_inflight: {
    kind: "gauge",
    family: "saturation",
    unit: "bytes",
    labels: [],
    description: "Request bodies held in memory, with the copies made of them",
    alert: {
      summary: "bodies fill more than four fifths of their budget",
      expr: "layer_body_bytes_inflight > 0.8 * layer_body_budget_bytes",
      for: "5m",
    },
  },
  layer_body_budget_bytes: {
    kind: "gauge",
    family: "saturation",
    unit: "bytes",
    labels: [],
    description: "What `layer_body_bytes_inflight` may not exceed (`LAYER_BODY_BUDGET_BYTES`)",
    alert: {
      summary: "the budget is larger than what the machine has: set it to a third of its memory",
      expr: "sum by (instance) (layer_body_budget_bytes) > on (instance) node_memory_MemTotal_bytes / 3",
      for: "1h",
    },
  },
  layer_replica_state: {
    kind: "gauge",
    family: "saturation",
    unit: "1 or 0",
    labels: ["state"],
    aggregator: "sum",
    description:
      "1 for the state of this replica, 0 for the others: `sole` (no blob store, so it takes itself for the only one), `shared`, `degraded` (it cannot tell the others of its writes), `refusing` (writes are answered 503 because of it)",
    alert: {
      summary: "a replica answers writes with 503, because it cannot tell the others of them",
      expr: 'layer_replica_state{state="refusing"} > 0',
      for: "1m",
    },
  },
  layer_workers: {
    kind: "gauge",
    family: "saturation",
    unit: "processes",
    labels: ["state"],
    description:
      "Worker processes of this gateway (`LAYER_WORKERS`): `serving`, or `down` until it is started again",
    alert: {
      summary: "a worker stays down",
      expr: 'layer_workers{state="down"} > 0',
      for: "1m",
    },
  },
  layer_worker_restarts_total: {
    kind: "counter",
    family: "saturation",
    unit: "restarts",
    labels: [],
    description: "Workers that died and were started again",
    alert: {
      summary: "workers die again and again; the log says how",
      expr: "increase(layer_worker_restarts_total[15m]) > 3",
      for: "0m",
    },
  },
} as const satisfies MetricTable;
