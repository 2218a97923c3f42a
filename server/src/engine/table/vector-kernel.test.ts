import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import assembler from "wabt";
import { VECTOR_KERNEL } from "./vector-kernel.js";

it("ships the bytes that its text assembles to", async () => {
  const { parseWat } = await assembler();
  const text = readFileSync(new URL("./vector-kernel.wat", import.meta.url), "utf8");
  const { buffer } = parseWat("vector-kernel.wat", text, { simd: true }).toBinary({});
  // After a change of the text, the received value below is the new constant.
  expect(VECTOR_KERNEL).toBe(Buffer.from(buffer).toString("base64"));
});
