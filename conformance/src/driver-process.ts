/**
 * One driver process: the runner's end of PROTOCOL.md.
 *
 * A process runs one case at a time, so that killing it when it hangs takes no innocent case with it. Whatever goes wrong
 * below the protocol becomes a `DriverFault`, and the process is then beyond use: the caller starts another.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fromTagged, isObject, toTagged, type Value, type ValueObject } from "./values.js";

export const PROTOCOL_VERSION = 1;

export interface DriverCommand {
  command: string;
  args: string[];
  cwd: string;
  env?: Record<string, string>;
}

export interface Hello {
  driver: string;
  runtime: string;
  client_version: string;
  /** What the library cannot do, with the reason. */
  lacks?: Record<string, string>;
}

export type Reply =
  | { type: "result"; value: Value; meta?: ValueObject; done?: boolean; iterator?: boolean }
  | { type: "error"; class: string; native: string; fields: ValueObject };

/** The driver hung, died or spoke nonsense. `stderr` is what it last wrote there. */
export class DriverFault extends Error {
  override readonly name = "DriverFault";
  constructor(
    message: string,
    readonly stderr: string,
  ) {
    super(message);
  }
}

/** Time for a driver to say hello, in ms: an interpreter's start on a busy machine. */
const HELLO_MS = 30_000;
const BYE_MS = 3_000;
const STDERR_CHARS = 64 * 1024;
const LINE_CHARS_MAX = 16 * 1024 * 1024;

/** Variables that the clients read, and that must not leak from the runner's own surroundings into a case. */
const CLIENT_VARIABLES = /^(LAYER_|TURBOPUFFER_|HEVLAYER_|TPUF_)|_proxy$/i;

interface Waiting {
  resolve(reply: Reply): void;
  reject(fault: DriverFault): void;
}

export class DriverProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, Waiting>();
  #stderr = "";
  #fault: DriverFault | undefined;
  #lastId = 0;
  #onHello: ((hello: Hello) => void) | undefined;
  #closing = false;
  #lacks: Record<string, string> = {};

  private constructor(command: DriverCommand) {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !CLIENT_VARIABLES.test(name)),
    );
    this.#child = spawn(command.command, command.args, {
      cwd: command.cwd,
      env: { ...inherited, ...command.env },
      stdio: "pipe",
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS);
    });
    createInterface({ input: this.#child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) =>
      this.#receive(line),
    );
    this.#child.stdin.on("error", () => undefined); // The exit that follows says it better than EPIPE.
    this.#child.on("error", (cause) => this.#fail(`driver did not start: ${cause.message}`));
    this.#child.on("close", (code, signal) => this.#fail(`driver exited with ${signal ?? `status ${code}`}`));
  }

  /** Starts a driver and waits for its hello. Throws DriverFault. */
  static async start(command: DriverCommand): Promise<{ driver: DriverProcess; hello: Hello }> {
    const driver = new DriverProcess(command);
    const hello = await driver.#limited(
      new Promise<Hello>((resolve, reject) => {
        driver.#onHello = resolve;
        driver.#waiting.set(0, { resolve: () => undefined, reject });
      }),
      HELLO_MS,
      "hello",
    );
    driver.#waiting.delete(0);
    driver.#lacks = hello.lacks ?? {};
    return { driver, hello };
  }

  /** Why the library cannot do one of these things; undefined when it can do all. */
  lacking(needs: readonly string[]): string | undefined {
    const missing = needs.find((need) => this.#lacks[need] !== undefined);
    return missing === undefined ? undefined : `lacks ${missing}: ${this.#lacks[missing]}`;
  }

  get usable(): boolean {
    return this.#fault === undefined && !this.#closing;
  }

  /** Starts a call. The id is what `next`, `close` and `cancel` refer to. */
  call(message: ValueObject, timeoutMs: number): { id: number; reply: Promise<Reply> } {
    this.#lastId += 1;
    const id = this.#lastId;
    return { id, reply: this.#ask(id, { ...message, type: "call", id }, timeoutMs) };
  }

  /** Sends `next` or `close` for an iterator opened by a call. */
  continue(id: number, type: "next" | "close", timeoutMs: number): Promise<Reply> {
    return this.#ask(id, { type, id }, timeoutMs);
  }

  cancel(id: number): void {
    this.#write({ type: "cancel", id });
  }

  /** Asks the driver to end; kills it when it does not. Never throws. */
  async stop(): Promise<void> {
    this.#closing = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#write({ type: "bye" });
    this.#child.stdin.end();
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), BYE_MS);
    await new Promise<void>((resolve) => this.#child.once("close", () => resolve()));
    clearTimeout(kill);
  }

  #ask(id: number, message: ValueObject, timeoutMs: number): Promise<Reply> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    const reply = new Promise<Reply>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#write(message);
    return this.#limited(reply, timeoutMs, String(message.op ?? message.type));
  }

  async #limited<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
    const timer = setTimeout(
      () => this.#fail(`driver gave no answer to ${what} in ${timeoutMs} ms`),
      timeoutMs,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #write(message: ValueObject): void {
    this.#child.stdin.write(`${JSON.stringify(toTagged(message))}\n`);
  }

  #receive(line: string): void {
    if (this.#fault !== undefined) return;
    const message = line.length > LINE_CHARS_MAX ? undefined : parseLine(line);
    if (!isObject(message)) this.#fail(`driver wrote a line that is no message: ${line.slice(0, 200)}`);
    else if (message.type === "hello") this.#greet(message);
    else if (message.type !== "bye") this.#settle(message, line);
  }

  #settle(message: ValueObject, line: string): void {
    const id = Number(message.id);
    const waiting = this.#waiting.get(id);
    const reply = readReply(message);
    if (waiting === undefined) {
      this.#fail(`driver answered id ${String(message.id)}, which asked nothing`);
    } else if (reply === undefined) {
      this.#fail(`driver wrote an answer of no known form: ${line.slice(0, 200)}`);
    } else {
      this.#waiting.delete(id);
      waiting.resolve(reply);
    }
  }

  #greet(message: ValueObject): void {
    if (message.protocol !== PROTOCOL_VERSION) {
      this.#fail(`driver speaks protocol ${String(message.protocol)}, the runner ${PROTOCOL_VERSION}`);
    } else {
      this.#onHello?.(message as unknown as Hello);
    }
  }

  #fail(reason: string): void {
    if (this.#fault !== undefined) return;
    this.#fault = new DriverFault(reason, this.#stderr.slice(-4000));
    this.#child.kill("SIGKILL");
    for (const waiting of this.#waiting.values()) waiting.reject(this.#fault);
    this.#waiting.clear();
  }
}

function parseLine(line: string): Value | undefined {
  try {
    return fromTagged(JSON.parse(line) as unknown);
  } catch {
    return undefined;
  }
}

function readReply(message: ValueObject): Reply | undefined {
  if (message.type === "result") {
    return {
      type: "result",
      value: message.value ?? null,
      ...(isObject(message.meta) ? { meta: message.meta } : {}),
      done: message.done === true,
      iterator: message.iterator === true,
    };
  }
  if (message.type === "error" && typeof message.class === "string" && isObject(message.fields)) {
    return { type: "error", class: message.class, native: String(message.native), fields: message.fields };
  }
  return undefined;
}
