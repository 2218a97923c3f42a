/** What a check of a dependency found, and how one that cannot hang or throw is made of one that can. */

/**
 * `ok`: as it should be. `off`: not configured. `note`: it works, but somebody should know. `wrong`: the gateway will not start with it, or will
 * misbehave; the text says how to mend it.
 */
export interface Finding {
  readonly verdict: "ok" | "off" | "note" | "wrong";
  /** One line. */
  readonly text: string;
}

export const ok = (text: string): Finding => ({ verdict: "ok", text });
export const off = (text: string): Finding => ({ verdict: "off", text });
export const note = (text: string): Finding => ({ verdict: "note", text });
export const wrong = (text: string): Finding => ({ verdict: "wrong", text });

/** True when nothing that was found keeps the dependency from being used. */
export const isUsable = (findings: readonly Finding[]): boolean =>
  findings.every(({ verdict }) => verdict !== "wrong");

/** The one line of an error, without its stack. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\n\s*/g, " ");
}

/** Runs a check for at most `timeoutMs`; what it throws is a finding too. */
export async function within(
  timeoutMs: number,
  check: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    timer = setTimeout(
      () =>
        resolve([wrong(`did not answer within ${timeoutMs} ms; check the network between here and there`)]),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return [wrong(messageOf(error))];
  } finally {
    clearTimeout(timer);
  }
}
