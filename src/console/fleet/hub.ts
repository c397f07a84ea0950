/** The WebSocket of the agents, /v1/agent on the console's HTTPS server: one connection for each device. A change goes to whom it concerns. */
import { X509Certificate } from "node:crypto";
import type { Server } from "node:https";
import type { WebSocket } from "ws";
import { deviceName } from "../../protocol/name.ts";
import type { PartsDelta } from "../../protocol/parts.ts";
import { sharedRoot } from "../../protocol/shared.ts";
import { type AppliedFrame, CLOSE, type HelloFrame } from "../../protocol/stream.ts";
import type { Log } from "../../router/log.ts";
import type { Authority } from "../ca/ca.ts";
import { AuthorityError } from "../ca/error.ts";
import type { NewEvent } from "../store/events.ts";
import type { FleetDesk } from "./desk.ts";
import { openDoor } from "./door.ts";
import { type AgentFrame, agentFrame } from "./frame.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Line } from "./line.ts";
import { type Passport, stands } from "./passport.ts";
import { restoration } from "./restored.ts";
import type { RootsDesk } from "./roots.ts";
import type { Sight } from "./sight.ts";
import { type Draft, Statements } from "./statements.ts";

/** Devices that are told something before others get their turn, and characters that they are told. One signature for all of them. */
const SLICE = 256;
const SLICE_TEXT = 4 * 1024 * 1024;
/** Milliseconds after which a device that has not answered is seen to take its time: most have by then, and are never seen to be at it. */
const AT_IT = 500;
/** A device asks for its next certificate twenty days after the last; who asks more often than this is broken. Milliseconds. */
const RENEWAL_PAUSE = 60_000;

/** What one device is told. */
interface Outgoing {
  readonly line: Line;
  readonly draft: Draft;
}

export interface HubParts {
  readonly desk: FleetDesk;
  readonly authority: Authority;
  readonly log: Log;
  readonly now: () => number;
  readonly roots: RootsDesk;
  readonly event: (event: NewEvent) => void;
  readonly sight: (device: string) => Sight;
  /** What is seen of the device has changed; `turned`: see Sight.reported. */
  readonly seen: (device: string, turned?: readonly string[]) => void;
}

export class Hub {
  readonly #parts: HubParts;
  readonly #statements: Statements;
  readonly #catchUp: (device: string, hello: HelloFrame) => void;
  readonly #lines = new Map<string, Line>();
  /** Devices whose turn to be told something has come, in order. */
  readonly #queue = new Set<string>();
  #draining = false;
  readonly #doors: (() => void)[] = [];
  readonly #heartbeat: Heartbeat;

  constructor(parts: HubParts) {
    this.#parts = parts;
    this.#statements = new Statements(parts.authority, parts.now);
    this.#catchUp = restoration({ ...parts, configKey: parts.authority.configKey });
    this.#heartbeat = new Heartbeat(parts.now, (line) => this.#gone(line));
  }

  attach(server: Server): void {
    const { desk, authority, log, now } = this.#parts;
    const enter = (socket: WebSocket, passport: Passport) => this.#open(socket, passport);
    this.#doors.push(openDoor(server, { desk, root: authority.deviceRoot, log, now, enter }));
  }

  inFlight(device: string): boolean {
    return this.#lines.get(device)?.feed.inFlight === true;
  }

  connected(device: string): boolean {
    return this.#lines.has(device);
  }

  changed(deltas: ReadonlyMap<string, PartsDelta>): void {
    for (const [router, delta] of deltas) {
      const line = this.#lines.get(router);
      if (!line?.greeted) continue;
      line.feed.changed(delta);
      this.#enqueue(router);
    }
  }

  /** The identity of this device may be another by now: who has an older one must go. */
  recheck(device: string): void {
    const line = this.#lines.get(device);
    if (line && !stands(this.#parts.desk, device, line.passport.generation)) {
      line.end(CLOSE.identity, "this identity is taken no more");
      this.#gone(line);
    }
  }

  close(): void {
    for (const shut of this.#doors) shut();
    this.#heartbeat.close();
    for (const line of this.#lines.values()) line.end(CLOSE.leaving, "the console ends");
    this.#lines.clear();
  }

  #open(socket: WebSocket, passport: Passport): void {
    const { now, event } = this.#parts;
    const { device } = passport;
    const line = new Line(passport, socket, now());
    const before = this.#lines.get(device);
    if (before) {
      before.end(CLOSE.replaced, "the same identity has connected again");
      this.#leave(before);
      event({
        level: "WARN",
        code: "DeviceReplaced",
        message: `Device ${device} has connected a second time; the first connection was ended. Should this go on, its identity is in use twice: reset its key`,
        subject: { kind: "device", id: device, name: device },
      });
    }
    this.#lines.set(device, line);
    this.#heartbeat.join(line);
    socket.on("message", (data, binary) => {
      // A line that was replaced or refused is not listened to.
      if (this.#lines.get(device) !== line) return;
      line.alive();
      const frame = binary || !line.mayTalk(now()) ? undefined : agentFrame(data.toString());
      if (!frame || !this.#take(line, frame)) {
        this.#parts.log.warn({ device }, "an agent sent a frame that is none, or too many");
        line.end(CLOSE.frame, "a frame that is none, or too many");
        this.#gone(line);
      }
    });
    socket.on("pong", () => {
      line.alive();
      if (this.#lines.get(device) === line) this.#parts.sight(device).heard(now());
    });
    socket.on("error", () => line.cut());
    socket.on("close", () => this.#gone(line));
  }

  /** False: not what may come now. */
  #take(line: Line, frame: AgentFrame): boolean {
    const { sight, seen, now } = this.#parts;
    const { device } = line.passport;
    // Hello comes first; again when an agent wants to try anew what it has refused.
    if (!line.greeted && frame.type !== "hello") return false;
    const one = sight(device);
    one.heard(now());
    let turned: readonly string[] = [];
    if (frame.type === "hello") this.#greet(line, frame);
    else if (frame.type === "report") turned = one.reported(frame);
    else if (frame.type === "renew") {
      void this.#renew(line, frame.csr);
      return true;
    } else if (!this.#answered(line, frame)) return false;
    seen(device, turned);
    return true;
  }

  #greet(line: Line, hello: HelloFrame): void {
    const { desk, sight, now, log, roots } = this.#parts;
    const { device } = line.passport;
    line.greeted = true;
    roots.greet(line, hello);
    sight(device).connected(hello, now());
    log.debug({ device, have: hello.have }, "an agent has connected");
    const parts = desk.parts(device);
    if (!parts) return;
    this.#catchUp(device, hello);
    const same = sharedRoot(parts) === hello.root;
    if (same && hello.have === desk.versionOf(device)) line.feed.inStep(hello.have);
    else if (same && hello.have > 0) line.feed.renamed(hello.have);
    else line.feed.outOfStep();
    this.#enqueue(device);
  }

  #answered(line: Line, frame: AppliedFrame): boolean {
    const { sight, log } = this.#parts;
    const { device } = line.passport;
    if (!line.feed.answered(frame.version, frame.error === null)) return false;
    sight(device).answered(frame);
    if (frame.error) {
      log.warn({ device, version: frame.version, code: frame.error.code }, "a device refused its configuration");
    }
    this.#enqueue(device);
    return true;
  }

  async #renew(line: Line, csr: string): Promise<void> {
    const { authority, now, log } = this.#parts;
    const { device, generation } = line.passport;
    if (now() - line.renewed < RENEWAL_PAUSE) return;
    line.renewed = now();
    try {
      const { chain } = await authority.issueDevice(csr, deviceName(device, generation));
      // While it was made the identity may have been taken back.
      if (this.#lines.get(device) !== line) return;
      line.send({ type: "certificate", chain, trust: [authority.deviceRoot] });
      line.passport = { ...line.passport, expires: new X509Certificate(chain[0]).validToDate.getTime() };
      log.info({ device }, "a device has renewed its certificate");
    } catch (error) {
      const why = error instanceof AuthorityError ? error.message : "the certificate could not be made";
      log.error({ device, err: error }, why);
      line.end(CLOSE.frame, why);
      this.#gone(line);
    }
  }

  #enqueue(device: string): void {
    this.#queue.add(device);
    if (this.#draining) return;
    this.#draining = true;
    setImmediate(() => this.#drain());
  }

  /** So many, then whatever else waits: answers come in while a change still goes out. */
  #drain(): void {
    const slice: Outgoing[] = [];
    let [devices, characters] = [0, 0];
    for (const device of this.#queue) {
      if (devices++ === SLICE || characters > SLICE_TEXT) break;
      this.#queue.delete(device);
      const outgoing = this.#outgoing(device);
      if (!outgoing) continue;
      slice.push(outgoing);
      characters += outgoing.draft.text.length;
    }
    if (slice.length > 0) void this.#send(slice);
    this.#draining = this.#queue.size > 0;
    if (this.#draining) setImmediate(() => this.#drain());
  }

  /** What to tell the device now; in flight from here on. */
  #outgoing(device: string): Outgoing | undefined {
    const { desk } = this.#parts;
    const line = this.#lines.get(device);
    const parts = desk.parts(device);
    if (!line || !parts) return undefined;
    const version = desk.versionOf(device);
    const dispatch = line.feed.next(version);
    if (!dispatch) return undefined;
    return { line, draft: this.#statements.draft(device, version, parts, dispatch) };
  }

  async #send(slice: readonly Outgoing[]): Promise<void> {
    let frames: readonly string[];
    try {
      frames = await this.#statements.signed(slice.map(({ draft }) => draft));
    } catch (error) {
      this.#parts.log.error({ err: error }, "configurations could not be signed");
      for (const { line } of slice) line.cut();
      return;
    }
    const now = this.#parts.now();
    for (const [i, { line }] of slice.entries()) {
      // A line that was replaced or ended meanwhile takes nothing more; what follows it begins with hello.
      const { device } = line.passport;
      if (this.#lines.get(device) !== line) continue;
      if (line.clogged) {
        this.#parts.log.warn({ device }, "an agent acknowledges configurations that it has not read");
        line.cut();
        this.#gone(line);
      } else line.tell(frames[i], now);
    }
    // Without what was sent to them, which is large.
    const lines = slice.map(({ line }) => line);
    setTimeout(() => this.#still(lines), AT_IT).unref();
  }

  /** Those that have not answered yet. */
  #still(lines: readonly Line[]): void {
    for (const line of lines) {
      const { device } = line.passport;
      if (line.feed.inFlight && this.#lines.get(device) === line) this.#parts.seen(device);
    }
  }

  #leave(line: Line): void {
    this.#heartbeat.leave(line);
    this.#parts.roots.leave(line);
  }

  #gone(line: Line): void {
    this.#leave(line);
    const { device } = line.passport;
    if (this.#lines.get(device) !== line) return;
    this.#lines.delete(device);
    this.#parts.sight(device).lost();
    this.#parts.log.debug({ device }, "an agent has gone");
    this.#parts.seen(device);
  }
}
