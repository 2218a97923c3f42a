/**
 * Structured logs: a constant message, everything variable in fields. Lines go to standard error, so that what a command
 * prints for people stays alone on standard output.
 *
 * Levels: error = someone must act now; warn = healed by itself, but watch; info = life cycle and one line a request;
 * debug = the rest. Keys, tokens and rows are never logged; the redaction below is the second lock on that door.
 */

import { type DestinationStream, destination, type Logger, pino, stdSerializers } from "pino";
import type { LogLevel } from "./settings.js";

export type Log = Logger;

const secretFields = ["authorization", "api_key", "apiKey", "token", "storeKey", "source_api_key"];

/** @param stream where lines go; standard error unless a test listens */
export function createLog(level: LogLevel, stream: DestinationStream = destination(2)): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: "[redacted]",
      },
      serializers: { err: stdSerializers.errWithCause },
    },
    stream,
  );
}
