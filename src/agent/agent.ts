/**
 * The agent of one device: the router starts from the last good configuration at once, whether the console is there or not; what the
 * console sends is verified, applied, kept, and answered; what happens to the tunnels is reported. Without the console the router runs on.
 *
 *   console ── config ──▶ verify ──▶ apply ──▶ keep on disk ──▶ applied ──▶ console
 */
import { hostname } from "node:os";
import type { CertificateFrame, ConfigFrame, FromConsole } from "../protocol/stream.ts";
import { sentenceOf } from "../router/error.ts";
import type { Log } from "../router/log.ts";
import type { ManagedStatus } from "../router/status/schema.ts";
import { version } from "../router/version.ts";
import { Backoff } from "./backoff.ts";
import { Carrier, type StartRouter } from "./carrier.ts";
import { AgentError, faultOf } from "./error.ts";
import type { Folder } from "./folder.ts";
import { certificateUntil, type Identity, loadIdentity } from "./identity.ts";
import { Renewal } from "./renewal.ts";
import { REPORT_EVERY, Reporter } from "./reporter.ts";
import { Roots } from "./roots.ts";
import { EMPTY_ROOT, next, type Signed, Untrusted } from "./signed.ts";
import { ConfigStore } from "./store.ts";
import { Stream } from "./stream.ts";

/** A refused configuration is asked for again after so long, and after twice as long each time. Milliseconds. */
const RETRY_FIRST = 60_000;
const RETRY_LONGEST = 900_000;

export interface AgentOptions {
  readonly folder: Folder;
  readonly start: StartRouter;
  readonly log: Log;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #store: ConfigStore;
  readonly #carrier: Carrier;
  readonly #stream: Stream;
  readonly #renewal: Renewal;
  readonly #roots: Roots;
  readonly #reporter: Reporter;
  readonly #retries = new Backoff(RETRY_FIRST, RETRY_LONGEST);
  #identity: Identity;
  /** When it was written to its folder. */
  #identityAt: number;
  /** What the router runs. */
  #running: Signed | undefined;
  #refused: ManagedStatus["refused"] = null;
  /** One thing after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: AgentOptions, identity: Identity, store: ConfigStore) {
    this.#options = options;
    this.#identityAt = options.folder.writtenAt();
    this.#identity = identity;
    this.#store = store;
    this.#carrier = new Carrier(options.start, options.log, (tunnels) => this.#reporter.turned(tunnels));
    this.#roots = new Roots(options);
    this.#stream = new Stream({
      identity: () => this.#reload(),
      mistrusted: () => this.#roots.ask(this.#identity),
      opened: () => this.#hello(),
      frame: (frame) => void this.#inTurn(() => this.#take(frame)),
      log: options.log,
    });
    this.#reporter = new Reporter({
      router: () => this.#carrier.router,
      console: () => (!this.#stream.state.connected ? "away" : this.#stream.backlog > 0 ? "slow" : "ready"),
      send: (frame) => this.#stream.send(frame),
      look: (due) => this.#look(due),
    });
    this.#renewal = new Renewal({
      folder: options.folder,
      identity: () => this.#identity,
      ask: (csr) => this.#stream.send({ type: "renew", csr }),
      log: options.log,
    });
  }

  /** Nothing runs yet. One process at a time (Folder.hold). @throws AgentError not-joined, agent-folder */
  static open(options: AgentOptions): Agent {
    const { folder, log } = options;
    const identity = loadIdentity(folder);
    const { store, fault } = ConfigStore.open(folder.config, identity);
    if (fault !== undefined)
      log.warn({ fault }, "the last good configuration cannot be used and was put aside; the console is asked for it");
    return new Agent(options, identity, store);
  }

  /** The router runs, if there is a last good configuration that it can run; the console is called from now on. */
  async start(): Promise<void> {
    await this.#inTurn(() => this.#begin());
    this.#stream.start();
    this.#renewal.start();
    this.#reporter.start();
  }

  status(): ManagedStatus {
    const { connected, trouble, heard } = this.#stream.state;
    return {
      console: this.#identity.console,
      connected,
      trouble,
      lastSeen: heard === null ? null : new Date(heard).toISOString(),
      applied: this.#running?.statement.version ?? 0,
      refused: this.#refused,
      certificateUntil: new Date(certificateUntil(this.#identity)).toISOString(),
    };
  }

  /** Ends the router in order, and then the agent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reporter.close();
    clearTimeout(this.#retry);
    this.#renewal.stop();
    this.#stream.close();
    await this.#inTurn(() => this.#carrier.close());
    this.#store.close();
  }

  async #begin(): Promise<void> {
    const { log } = this.#options;
    const { last } = this.#store;
    if (!last) {
      log.info("no configuration yet: waiting for the console");
      return;
    }
    try {
      await this.#carrier.carry(last.parts, undefined, this.#identity);
      this.#running = last;
      log.info({ version: last.statement.version }, "runs with the last good configuration");
    } catch (error) {
      log.error({ err: error }, "the router does not start with the last good configuration");
      // The console gets to know why, and may send a better one.
      this.#note(last.statement.version, error);
      this.#retryLater();
    }
  }

  /** Who joined again while the agent runs goes on with the new identity. */
  #reload(): Identity {
    this.#identityAt = this.#options.folder.writtenAt();
    const identity = loadIdentity(this.#options.folder);
    const changed = identity.chain[0] !== this.#identity.chain[0];
    this.#identity = identity;
    if (changed) void this.#inTurn(() => this.#show());
    return this.#roots.present(identity);
  }

  #hello(): void {
    this.#reporter.reset();
    const { last } = this.#store;
    this.#stream.send({
      type: "hello",
      have: this.#running?.statement.version ?? 0,
      root: this.#running?.statement.root ?? EMPTY_ROOT,
      ...(last && { newest: { statement: last.statement, proof: last.proof } }),
      roots: this.#roots.number(this.#identity),
      software: version(),
      hostname: hostname(),
    });
    this.#reporter.report();
    // Who was away for long may have little time left, or does not stay for long.
    void this.#renewal.look();
  }

  async #take(frame: FromConsole): Promise<void> {
    if (this.#closed) return;
    if (frame.type === "config") await this.#configure(frame);
    else if (frame.type === "roots") this.#roots.told(frame.signed, this.#identity);
    else await this.#certified(frame);
  }

  async #configure(frame: ConfigFrame): Promise<void> {
    const { log } = this.#options;
    const wantedVersion = frame.statement.version;
    try {
      const wanted = next(frame, this.#running, this.#identity, this.#store.seen);
      await this.#carrier.carry(wanted.parts, this.#running?.parts, this.#identity);
      this.#running = wanted;
      this.#retries.reset();
      clearTimeout(this.#retry);
      log.info({ version: wantedVersion }, "runs the configuration of the console");
      const fault = this.#keep(wanted);
      if (fault) log.error({ version: wantedVersion }, `the configuration is not kept: ${fault.message}`);
      this.#stream.send({ type: "applied", version: wantedVersion, error: fault });
      // It is told as refused, but the next change is to start from what runs.
      if (fault) this.#hello();
      else this.#reporter.report();
    } catch (error) {
      if (!this.#carrier.router) this.#running = undefined;
      const fault = this.#note(wantedVersion, error);
      log.error({ version: wantedVersion, code: fault.code }, `the configuration was refused: ${fault.message}`);
      this.#stream.send({ type: "applied", version: wantedVersion, error: fault });
      // What is not signed, or older, does not become better by itself; what the host lacks may come.
      if (!(error instanceof Untrusted) || error.code === "config-base") this.#retryLater();
    }
  }

  /**
   * What runs is kept on the disk. Gives back why not: it runs all the same, but an older one would after a restart; each report tries
   * again.
   */
  #keep(signed: Signed): { code: string; message: string } | null {
    const { folder } = this.#options;
    const { version: held } = signed.statement;
    try {
      this.#store.keep(signed);
      this.#refused = null;
      return null;
    } catch (error) {
      const message = `it runs, but cannot be kept, so an older one would run after a restart (${sentenceOf(error)})`;
      const next = `Make room in ${folder.path}; it is tried again every ${REPORT_EVERY / 1000} s`;
      return this.#note(held, new AgentError("not-kept", message, next));
    }
  }

  /** Once more; the console hears of it when it went well. */
  #keepAfterAll(): void {
    const signed = this.#running;
    if (!signed || this.#refused?.code !== "not-kept") return;
    if (this.#keep(signed)) return;
    this.#options.log.info({ version: signed.statement.version }, "the configuration that runs is kept now");
    if (this.#stream.state.connected) this.#hello();
  }

  #note(version: number, error: unknown): { code: string; message: string } {
    const fault = faultOf(error);
    this.#refused = { version, ...fault };
    return fault;
  }

  /** With what runs now, the console is told again what we have: it sends what is missing, and we try once more. */
  #retryLater(): void {
    clearTimeout(this.#retry);
    const again = async () => {
      if (this.#closed) return;
      if (!this.#carrier.router && this.#store.last) await this.#begin();
      if (this.#stream.state.connected) this.#hello();
    };
    this.#retry = setTimeout(() => void this.#inTurn(again), this.#retries.next());
  }

  async #certified(frame: CertificateFrame): Promise<void> {
    const renewed = this.#renewal.accept(frame);
    if (!renewed) return;
    this.#identity = renewed;
    await this.#show();
  }

  /** The router shows its peers the identity that we have now. */
  async #show(): Promise<void> {
    if (!this.#running || !this.#carrier.router || this.#closed) return;
    try {
      await this.#carrier.carry(this.#running.parts, this.#running.parts, this.#identity);
    } catch (error) {
      this.#options.log.error(
        { err: error },
        "the router did not take its new certificate; it goes on with the old one",
      );
    }
  }

  #look(due: boolean): void {
    // Somebody has joined again: the tunnels are down until the console knows the new identity.
    if (!this.#stream.state.connected && this.#options.folder.writtenAt() !== this.#identityAt) this.#stream.hurry();
    if (due && this.#refused?.code === "not-kept") void this.#inTurn(async () => this.#keepAfterAll());
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch((error) =>
      this.#options.log.error({ err: error }, "a fault in the agent; please report it"),
    );
    return turn;
  }
}
