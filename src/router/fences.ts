/**
 * Fences: for each prefix that the kernel's main table leads to a TUN device of ours, a second route, "unreachable", that gives way to any
 * other. It is met only while the first is not there: at the start and while a configuration is replaced, when somebody takes the device
 * down, after kill -9 until the next start. Without it what is meant for a tunnel would leave by the host's default route, in clear.
 */
import { familyOf } from "./address.ts";
import type { Host } from "./host.ts";
import type { Loans } from "./loans.ts";
import { dropFences, fenceOf } from "./putback.ts";

export class Fences {
  readonly #host: Host;
  readonly #loans: Loans;
  /** How many want it, by prefix: one that goes from a VRF to another has two for a moment. */
  readonly #wanted = new Map<string, number>();

  constructor(host: Host, loans: Loans) {
    this.#host = host;
    this.#loans = loans;
  }

  /** Puts up fences around these prefixes: all, or throws and leaves things as they were. @throws LinuxError */
  async add(prefixes: readonly string[]): Promise<void> {
    const missing = [...new Set(prefixes)].filter((prefix) => !this.#wanted.has(prefix));
    const before = this.#loans.fenced();
    this.#loans.fences([...new Set([...before, ...missing])]);
    try {
      for (const family of [4, 6] as const) {
        const routes = missing.filter((prefix) => familyOf(prefix) === family).map(fenceOf);
        // Replaced: one that an earlier router of another name has left is as good.
        if (routes.length > 0) await this.#host.changeRoutes("replace", routes);
      }
    } catch (error) {
      const more = missing.filter((prefix) => !before.includes(prefix));
      await dropFences(this.#host, new Set(more));
      this.#loans.fences(before);
      throw error;
    }
    for (const prefix of prefixes) this.#wanted.set(prefix, (this.#wanted.get(prefix) ?? 0) + 1);
  }

  /** Takes them down, where nobody else wants them. @throws LinuxError */
  async remove(prefixes: readonly string[]): Promise<void> {
    const left = new Map(this.#wanted);
    for (const prefix of prefixes) left.set(prefix, (left.get(prefix) ?? 1) - 1);
    const going = new Set([...left].filter(([, wanted]) => wanted === 0).map(([prefix]) => prefix));
    await dropFences(this.#host, going);
    for (const prefix of prefixes) {
      const wanted = left.get(prefix) as number;
      if (wanted > 0) this.#wanted.set(prefix, wanted);
      else this.#wanted.delete(prefix);
    }
    this.#loans.fences(this.#loans.fenced().filter((prefix) => !going.has(prefix)));
  }

  /** Takes down those that an earlier run has left, and nobody wants now. @throws LinuxError */
  async settle(): Promise<void> {
    const left = this.#loans.fenced().filter((prefix) => !this.#wanted.has(prefix));
    if (left.length === 0) return;
    await dropFences(this.#host, new Set(left));
    this.#loans.fences([...this.#wanted.keys()]);
  }
}
