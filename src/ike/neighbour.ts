/**
 * A configured peer and its IKE SAs: begins one when it is wanted, keeps one, and begins again when it is lost. At most one
 * IKE SA is `current`; others are being opened, being replaced, or on their way out.
 */
import { Children } from "./children.ts";
import { identityPayload, identityText } from "./identity.ts";
import { addressText, compare, endpointText } from "./octets.ts";
import type { ChildConfig, PeerConfig } from "./peer.ts";
import { Provision } from "./provision.ts";
import type { Realm } from "./realm.ts";
import { firstPath } from "./route.ts";
import { IkeSa } from "./sa.ts";
import {
  type EspProposal,
  equal,
  espProposal,
  type IkeProposal,
  ikeProposal,
  SuiteError,
  spi64,
} from "./suite/index.ts";
import { IkeInit } from "./task/ike-init.ts";
import { IkeDelete } from "./task/informational.ts";
import type { Task } from "./task/task.ts";
import { Timers } from "./timers.ts";
import { watchIke } from "./watch.ts";
import { NOTIFY } from "./wire/index.ts";

/** Shortest time between two attempts that packets ask for. Milliseconds. */
const MIN_INTERVAL = 1_000;
/** A duplicate that both sides made at once is closed after so long, when the other one has settled. Milliseconds. */
const SETTLE = 2_000;

export type NeighbourState = "down" | "connecting" | "up";

/** IKE SAs of one peer at a time, with those that are on their way out. A peer that makes more has them taken away, oldest first. */
export const MAX_IKE_SAS = 16;

/** The IKE proposals; throws SuiteError for one, of IKE or ESP, that is none, and where there is none at all. */
export function proposalsOf(config: PeerConfig): IkeProposal[] {
  const none = (what: string) =>
    new SuiteError("unknown-proposal", `Peer ${config.name} has no ${what} proposal; give it one`);
  if (config.ikeProposals.length === 0) throw none("IKE");
  for (const child of config.children) {
    if (child.espProposals.map(espProposal).length === 0) throw none(`ESP (child ${child.name})`);
  }
  return config.ikeProposals.map(ikeProposal);
}

export class Neighbour {
  readonly realm: Realm;
  readonly children: Children;
  readonly provision: Provision;
  readonly timers: Timers;
  readonly sas = new Set<IkeSa>();
  config: PeerConfig;
  ikeProposals: readonly IkeProposal[];
  /** The IKE SA in use. */
  current: IkeSa | undefined;
  /** The IKE SA that we are making. */
  opening: IkeSa | undefined;
  /** It shall be up: begin again when it is lost. */
  wanted = false;
  /** Group of the last IKE SA, worth trying first. */
  group: number | undefined;
  since: number;
  lastError: string | undefined;
  /** It does not answer, and does not yet count as dead. */
  #silent = false;
  #attempts = 0;
  #triedAt = Number.NEGATIVE_INFINITY;

  /** Throws SuiteError for a proposal that is none. */
  constructor(realm: Realm, config: PeerConfig) {
    this.realm = realm;
    this.config = config;
    this.ikeProposals = proposalsOf(config);
    this.children = new Children(realm, config.name);
    this.timers = new Timers(realm);
    this.provision = new Provision(this);
    this.since = realm.now;
  }

  get name(): string {
    return this.config.name;
  }

  get state(): NeighbourState {
    if (this.current !== undefined) return "up";
    return this.opening === undefined ? "down" : "connecting";
  }

  /** How the operator calls the other side. */
  get title(): string {
    return identityText(identityPayload("idr", this.config.remoteId));
  }

  espProposals(child: ChildConfig): EspProposal[] {
    return child.espProposals.map(espProposal);
  }

  /** May the peer send from this address? */
  mayComeFrom(address: Uint8Array): boolean {
    const { from } = this.config;
    return from === undefined || from.some((allowed) => equal(allowed, address));
  }

  /** Begins an IKE SA unless there is one. */
  connect(): void {
    const { realm, config } = this;
    if (this.current !== undefined || this.opening !== undefined) return;
    this.timers.clear("connect");
    this.#triedAt = realm.now;
    const { remote, local } = config;
    if (remote === undefined) {
      this.lastError = "The peer's address is not configured: this side waits for the peer.";
      return;
    }
    const path = firstPath(realm.environment, remote, local);
    if (path === undefined) {
      const text = `No route to ${addressText(remote.address)}. Give this host a route to the peer.`;
      this.#failed("no-route", text);
      return;
    }
    const sa = new IkeSa(realm, { initiator: true, spiRemote: 0n, path, state: "connecting" });
    sa.neighbour = this;
    this.sas.add(sa);
    this.opening = sa;
    this.since = realm.now;
    realm.event(
      "info",
      "connecting",
      `Asking ${this.title} at ${endpointText(path.remote)} for an IKE SA.`,
      config.name,
    );
    sa.enqueue(new IkeInit(this));
    sa.pump();
  }

  /** The peer does not answer, or is heard again. */
  silence(silent: boolean): void {
    if (this.#silent === silent) return;
    this.#silent = silent;
    this.realm.emit({ kind: "silent", peer: this.name, silent });
  }

  /** An attempt to reach the peer came to nothing. */
  failed(sa: IkeSa, code: string, message: string): void {
    sa.end();
    this.#failed(code, message);
  }

  #failed(code: string, message: string): void {
    this.lastError = message;
    this.realm.event("error", code, message, this.name);
    if (this.wanted) this.#later(this.realm.backOff(this.realm.options.reconnect, this.#attempts++));
  }

  #later(ms: number): void {
    if (this.current === undefined && this.opening === undefined) this.timers.set("connect", ms, () => this.connect());
  }

  /** Both sides are authenticated. */
  established(sa: IkeSa): void {
    const { realm } = this;
    const before = this.current;
    sa.state = "up";
    sa.since = realm.now;
    this.sas.add(sa);
    if (this.opening === sa) this.opening = undefined;
    this.timers.clear("connect");
    this.current = sa;
    this.provision.begin();
    if (before === undefined) this.since = realm.now;
    this.silence(false);
    this.group = sa.selection!.group.id;
    this.lastError = undefined;
    this.#attempts = 0;
    const where = `${endpointText(sa.path.remote)}, ${sa.selection!.name}`;
    realm.event("info", "ike-up", `IKE SA with ${this.title} is up (${where}).`, this.name);
    watchIke(sa);
    const [oldest] = [...this.sas].filter((other) => other !== sa && other !== this.opening);
    if (this.sas.size > MAX_IKE_SAS) oldest?.end();
    const { opening } = this;
    // The peer was faster. Its IKE SA will do, unless ours is as good as finished.
    if (opening?.window.waiting?.kind === "init") opening.end();
    const crossed = before?.state === "up" && before.initiator !== sa.initiator && before.since >= sa.createdAt;
    if (crossed) this.#settleTwins(before, sa);
  }

  /** Both sides began at once. Of the two IKE SAs the one with the lower initiator's SPI is closed by its initiator. */
  #settleTwins(before: IkeSa, sa: IkeSa): void {
    const loser = compare(spi64(before.spiI), spi64(sa.spiI)) < 0 ? before : sa;
    this.current = loser === sa ? before : sa;
    if (loser.initiator) loser.timers.set("settle", SETTLE, () => this.close(loser));
  }

  /** INITIAL_CONTACT (RFC 7296 §2.4): the peer knows no older IKE SA, so those that were up before it asked are dead. */
  forgetBefore(sa: IkeSa): void {
    for (const other of [...this.sas]) {
      const older = other !== sa && other.state !== "connecting" && other.since <= sa.createdAt;
      if (!older) continue;
      const text = `${this.title} has started anew; its old IKE SA and Child SAs are removed.`;
      this.realm.event("info", "initial-contact", text, this.name);
      if (this.current === other) this.current = undefined;
      other.end();
    }
  }

  /** The IKE SA in use is lost; the peer is asked for a new one when it is wanted. */
  down(sa: IkeSa, level: "info" | "warn" | "error", code: string, message: string): void {
    const current = this.current === sa || this.opening === sa;
    sa.end();
    if (!current) return;
    this.realm.event(level, code, message, this.name);
    if (level !== "info") this.lastError = message;
    if (this.wanted) this.#later(this.realm.backOff(this.realm.options.reconnect, this.#attempts++));
  }

  /** A request of ours was never answered. */
  unanswered(sa: IkeSa, task: Task): void {
    const where = endpointText(sa.path.remote);
    if (sa.state === "connecting") {
      const port = task.kind === "init" ? sa.path.remote.port : `${sa.path.remote.port} (NAT traversal)`;
      const next = `Check that the peer runs, that UDP port ${port} is open on the way, and its address.`;
      this.failed(sa, "unreachable", `${this.title} at ${where} does not answer. ${next}`);
      return;
    }
    this.down(sa, "warn", "peer-dead", `${this.title} at ${where} no longer answers; its IKE SA is removed.`);
  }

  /** The other side is not who it should be: it is told so, and the attempt has failed. */
  mistrusted(sa: IkeSa, why: string): void {
    this.close(sa, NOTIFY.AUTHENTICATION_FAILED);
    this.#failed("authentication-failed", why);
  }

  /** Called by an IKE SA that has ended. */
  left(sa: IkeSa): void {
    this.sas.delete(sa);
    if (this.opening === sa) this.opening = undefined;
    if (this.current !== undefined) this.provision.renew();
    if (this.current !== sa) return;
    this.current = undefined;
    // After twins (see above) or a reauthentication another one may be there.
    for (const other of this.sas) if (other.state === "up" && other.adopted) this.current = other;
    if (this.current === undefined) this.since = this.realm.now;
  }

  /** The peer is reached elsewhere now. */
  moved(sa: IkeSa): void {
    if (sa !== this.current) return;
    this.realm.emit({ kind: "path", peer: this.name, path: sa.path });
    this.realm.event("info", "moved", `${this.title} is now at ${endpointText(sa.path.remote)}.`, this.name);
  }

  /** Ends an IKE SA in order: its Child SAs send no more, the peer is told. */
  close(sa: IkeSa, reason?: number): void {
    if (sa.state === "gone" || sa.state === "closing") return;
    if (!sa.keyed) {
      sa.end();
      return;
    }
    for (const child of [...sa.children]) this.children.close(child);
    for (const task of sa.takeTasks()) task.lost();
    sa.timers.clearAll();
    sa.state = "closing";
    this.left(sa);
    this.sas.add(sa);
    sa.enqueue(new IkeDelete(reason), true);
    sa.release();
    sa.pump();
  }

  /** The operator wants it down, or gone. */
  terminate(): void {
    this.wanted = false;
    this.timers.clearAll();
    this.provision.stop();
    for (const sa of [...this.sas]) this.close(sa);
    this.children.clear();
  }

  /** The operator, or a packet without a tunnel, wants it up. */
  initiate(): void {
    this.wanted = this.config.initiate;
    if (this.current !== undefined) {
      this.provision.ensure();
      return;
    }
    // Packets may want it many times a second.
    if (this.realm.now - this.#triedAt >= MIN_INTERVAL) this.connect();
  }
}
