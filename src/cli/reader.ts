/** What becomes of a command whose reader has gone: `vcpe get instances | head -1`. */

/** These have something to run, or to put back, whoever listens. */
const STAY: ReadonlySet<string | undefined> = new Set(["edge", "gateway", "console", "lab", "bench"]);

/**
 * A command that only tells ends without a word, as others do that are written into a closed pipe (EPIPE); it has done its work by then.
 * Without this Node.js ends it with a stack trace.
 */
export function mindReader(command: string | undefined): void {
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
    if (code === "EPIPE" && !STAY.has(command)) process.exit();
  });
  process.stderr.on("error", () => undefined);
}
