import { expect, it } from "vitest";
import { createDepartedSeries } from "./departed-series.js";
import { createPrometheusMetrics } from "./prometheus.js";
import { joined } from "./series.js";

it("keeps what processes had counted, and nothing of how they were", async () => {
  const departed = createDepartedSeries();
  for (const process of [1, 2]) {
    const metrics = createPrometheusMetrics({ monotonic: () => 0 }, { process: false });
    metrics.add("layer_refusals_total", { code: "rate_limited" }, process);
    metrics.observe("layer_s3_op_duration_seconds", { op: "get", status: "ok" }, 0.02);
    metrics.set("layer_workers", { state: "serving" }, 5);
    departed.seen(process, await metrics.collect());
    await departed.left(process);
  }
  await departed.left(3);
  const text = await joined([departed.series()]).metrics();
  expect(text).toContain('layer_refusals_total{code="rate_limited"} 3\n');
  expect(text).toContain('layer_s3_op_duration_seconds_count{op="get",status="ok"} 2\n');
  expect(text).not.toContain("layer_workers");
});
