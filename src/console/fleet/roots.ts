/**
 * Says to devices which roots the console's HTTPS certificate comes from now (protocol/roots.ts): to those that ask, and to those that are
 * connected as soon as it changes.
 *
 * The number is the time, so that a console that was restored from a backup numbers above what it has said since; and it is a new one at each
 * start, as devices may have heard of other roots since the backup.
 */
import type { DatabaseSync } from "node:sqlite";
import { type RootsStatement, rootsText, type SignedRoots } from "../../protocol/roots.ts";
import type { HelloFrame, RootsFrame } from "../../protocol/stream.ts";
import type { Log } from "../../router/log.ts";
import type { Authority } from "../ca/ca.ts";
import type { Line } from "./line.ts";

export interface RootsDeskParts {
  readonly database: DatabaseSync;
  readonly authority: Pick<Authority, "signSoon">;
  readonly log: Pick<Log, "error">;
  readonly now: () => number;
}

export class RootsDesk {
  readonly #parts: RootsDeskParts;
  readonly #lines = new Set<Line>();
  #statement: RootsStatement;
  /** Text of the frame for those that did not ask. */
  #frame: Promise<string>;

  /** @param roots PEM; null: those that systems trust */
  constructor(parts: RootsDeskParts, roots: readonly string[] | null) {
    this.#parts = parts;
    this.#statement = this.#numbered(roots);
    this.#frame = this.#framed();
  }

  get statement(): RootsStatement {
    return this.#statement;
  }

  /** The certificate will be from these roots: whoever is connected hears of it. Done when all have been told. */
  async change(roots: readonly string[] | null): Promise<void> {
    if (JSON.stringify(roots) === JSON.stringify(this.#statement.roots)) return;
    this.#statement = this.#numbered(roots);
    this.#frame = this.#framed();
    const frame = await this.#frame;
    for (const line of this.#lines) line.sendText(frame);
  }

  async answer(nonce: string): Promise<SignedRoots> {
    return this.#signed(nonce);
  }

  /** Older devices do not say what they know, and would not understand. */
  greet(line: Line, { roots }: HelloFrame): void {
    if (roots === undefined) return;
    this.#lines.add(line);
    if (roots === this.#statement.number) return;
    const tell = (frame: string) => void (this.#lines.has(line) && line.sendText(frame));
    this.#frame.then(tell, (error) => this.#parts.log.error({ err: error }, "the roots could not be signed"));
  }

  leave(line: Line): void {
    this.#lines.delete(line);
  }

  /** On the disk before anybody hears of it. */
  #numbered(roots: readonly string[] | null): RootsStatement {
    const { database, now } = this.#parts;
    const row = database.prepare("SELECT number FROM https_roots").get() as { number: number } | undefined;
    const number = Math.max((row?.number ?? 0) + 1, Math.floor(now()));
    database.prepare("INSERT OR REPLACE INTO https_roots (one, number) VALUES (1, ?)").run(number);
    return { number, roots: roots && [...roots] };
  }

  #framed(): Promise<string> {
    const frame = this.#signed(null).then((signed) => JSON.stringify({ type: "roots", signed } satisfies RootsFrame));
    // Whoever waits for it hears of the fault.
    frame.catch(() => undefined);
    return frame;
  }

  async #signed(nonce: string | null): Promise<SignedRoots> {
    const statement = this.#statement;
    const signature = await this.#parts.authority.signSoon(rootsText(statement, nonce));
    return { statement, nonce, signature: signature.toString("base64") };
  }
}
