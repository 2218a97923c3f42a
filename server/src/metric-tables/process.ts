/** The process itself, as prom-client measures it. What it measures besides is left out: nobody alerts on it. */

import type { MetricTable } from "./definition.js";

export const processMetrics = {
  process_cpu_seconds_total: {
    kind: "counter",
    family: "saturation",
    unit: "seconds",
    labels: [],
    description: "CPU time of the process, all its threads",
    alert: {
      summary: "a process has used all of a core for a quarter of an hour: set LAYER_WORKERS, or run another",
      expr: "rate(process_cpu_seconds_total[5m]) > 0.95",
      for: "15m",
    },
  },
  process_resident_memory_bytes: {
    kind: "gauge",
    family: "saturation",
    unit: "bytes",
    labels: [],
    description:
      "Memory of the process that is in use; pages of the embedded stores' files count, and can be taken back",
    alert: {
      summary: "the process takes more memory than bodies in flight can explain",
      expr: "process_resident_memory_bytes > 1e9 + layer_body_bytes_inflight",
      for: "30m",
    },
  },
  process_start_time_seconds: {
    kind: "gauge",
    family: "saturation",
    unit: "seconds",
    labels: [],
    aggregator: "max",
    description: "When the process began, seconds since 1970; with several workers the newest of them",
    alert: {
      summary: "the gateway has begun anew several times within half an hour",
      expr: "changes(process_start_time_seconds[30m]) > 2",
      for: "0m",
    },
  },
  process_open_fds: {
    kind: "gauge",
    family: "saturation",
    unit: "files",
    labels: [],
    description: "Open files and connections",
    alert: {
      summary: "files and connections come close to their limit",
      expr: "process_open_fds > 0.8 * process_max_fds",
      for: "10m",
    },
  },
  process_max_fds: {
    kind: "gauge",
    family: "saturation",
    unit: "files",
    labels: [],
    description: "What `process_open_fds` may not exceed",
    alert: {
      summary: "the limit of open files is too low for a busy gateway: raise it to 65,536",
      expr: "process_max_fds < 4096",
      for: "1h",
    },
  },
  nodejs_eventloop_lag_seconds: {
    kind: "gauge",
    family: "saturation",
    unit: "seconds",
    labels: [],
    description: "How late the event loop is at the time of the scrape",
    alert: {
      summary: "the event loop is late whenever one looks",
      expr: "min_over_time(nodejs_eventloop_lag_seconds[5m]) > 0.05",
      for: "5m",
    },
  },
  nodejs_eventloop_lag_p99_seconds: {
    kind: "gauge",
    family: "saturation",
    unit: "seconds",
    labels: [],
    description:
      "How late it was since the scrape before, one time in a hundred: what every request waits for long work",
    alert: {
      summary: "the process stands still for more than 100 ms, one time in a hundred",
      expr: "nodejs_eventloop_lag_p99_seconds > 0.1",
      for: "10m",
    },
  },
  nodejs_eventloop_lag_max_seconds: {
    kind: "gauge",
    family: "saturation",
    unit: "seconds",
    labels: [],
    description: "How late it was at most since the scrape before",
    alert: {
      summary: "the process has stood still for two seconds",
      expr: "nodejs_eventloop_lag_max_seconds > 2",
      for: "0m",
    },
  },
  nodejs_gc_duration_seconds: {
    kind: "histogram",
    family: "saturation",
    unit: "seconds",
    labels: ["kind"],
    buckets: [0.001, 0.01, 0.1, 1, 2, 5],
    description: "Collections of garbage, by `kind`: `minor`, `major`, `incremental`, `weakcb`",
    alert: {
      summary: "collecting garbage takes more than a tenth of the time",
      expr: "sum(rate(nodejs_gc_duration_seconds_sum[5m])) > 0.1",
      for: "10m",
    },
  },
  nodejs_heap_size_used_bytes: {
    kind: "gauge",
    family: "saturation",
    unit: "bytes",
    labels: [],
    description: "JavaScript values in memory",
    alert: {
      summary: "the heap comes close to the limit of Node.js, at which the process ends",
      expr: "nodejs_heap_size_used_bytes > 1.5e9",
      for: "10m",
    },
  },
  nodejs_external_memory_bytes: {
    kind: "gauge",
    family: "saturation",
    unit: "bytes",
    labels: [],
    description: "Buffers: bodies and answers on their way",
    alert: {
      summary: "buffers stay although few bodies are in flight",
      expr: "nodejs_external_memory_bytes > 5e8 and layer_body_bytes_inflight < 1e8",
      for: "10m",
    },
  },
  nodejs_version_info: {
    kind: "gauge",
    family: "saturation",
    unit: "1",
    labels: ["version", "major", "minor", "patch"],
    description: "1, with the version of Node.js in the labels",
    alert: {
      summary: "processes of one gateway run different versions of Node.js",
      expr: "count(count by (version) (nodejs_version_info)) > 1",
      for: "1h",
    },
  },
} as const satisfies MetricTable;
