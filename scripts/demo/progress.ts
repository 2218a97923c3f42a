/** A progress bar that redraws in a terminal and prints one line at the end elsewhere. */

const WIDTH = 30;

export function createProgress(label: string, total: number, out: NodeJS.WriteStream = process.stdout) {
  const started = Date.now();
  const line = (done: number) => {
    const filled = Math.round((WIDTH * done) / total);
    const seconds = (Date.now() - started) / 1000;
    const bar = `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)}`;
    return `${label} ${bar} ${done}/${total}  ${seconds.toFixed(1)} s`;
  };
  return {
    /** Shows that `done` of the total are finished. */
    update(done: number): void {
      if (out.isTTY) out.write(`\r${line(done)}${done >= total ? "\n" : ""}`);
      else if (done >= total) out.write(`${line(done)}\n`);
    },
  };
}
