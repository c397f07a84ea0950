/**
 * The keying side of the router: hands IKE messages and events to the IKE core, carries out what it asks for on the
 * datapath, and wakes it when its timers are due. The core decides, the datapath does; this is the wire between them.
 */
import type { ChildHandle, IkeDatagram, Plane, PlaneEvent } from "../datapath/plane.ts";
import type { Effect, Path } from "../ike/effect.ts";
import type { CredentialsConfig, IkeEndpoint } from "../ike/endpoint.ts";
import { espSpiText } from "../ike/octets.ts";
import type { PeerConfig } from "../ike/peer.ts";
import type { AgeLimits } from "./age.ts";
import type { Fabric } from "./fabric.ts";
import { Faults, type LastError } from "./faults.ts";
import { Health } from "./health.ts";
import { InstalledChildren } from "./installed.ts";
import type { Log } from "./log.ts";
import { PresharedKeys } from "./presharedkeys.ts";

/** The IKE core as used here. */
export type IkeCore = Pick<
  IkeEndpoint,
  | "handle"
  | "tick"
  | "next"
  | "add"
  | "remove"
  | "replace"
  | "initiate"
  | "rekeyIke"
  | "rekeyChild"
  | "terminate"
  | "alive"
  | "moved"
  | "unknownSpi"
  | "peer"
  | "status"
  | "counters"
  | "credentials"
>;

export interface KeyingOptions {
  readonly plane: Plane;
  readonly ike: IkeCore;
  readonly fabric: Fabric;
  readonly log: Log;
  /** Limits of a tunnel's Child SAs. */
  readonly limits: (tunnel: string) => AgeLimits;
  /** Of these tunnels, between which routes choose, one is better or worse than it was. */
  readonly turned?: ((tunnels: readonly string[]) => void) | undefined;
  /** A TUN device has been deleted by somebody. */
  readonly tunGone: (adjacency: number) => void;
  /** The datapath is dead. */
  readonly failed: (error: Error) => void;
  /** Milliseconds since the Unix epoch that never run backwards. */
  readonly now?: () => number;
}

/** A packet that wants a tunnel which is down starts it, but not more often than this; milliseconds. */
const ACQUIRE_EVERY = 1000;

/** IKE messages kept until all peers are known; more than that are left to retransmission. */
const EARLY = 256;

/** Node's timers take no more than 2^31 − 1 ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

export class Keying {
  readonly #options: KeyingOptions;
  readonly #now: () => number;
  readonly #children: InstalledChildren;
  readonly #acquired = new Map<string, number>();
  readonly #faults: Faults;
  readonly #secrets = new PresharedKeys();
  readonly #health: Health;
  /** What came before `open`; undefined: it is open. */
  #early: IkeDatagram[] | undefined = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: KeyingOptions) {
    this.#options = options;
    this.#children = new InstalledChildren(options.plane, options.fabric, options.limits);
    this.#faults = new Faults(options.log);
    this.#health = new Health({ ...options, sends: (tunnel) => this.#children.sends(tunnel) });
    this.#now = options.now ?? (() => performance.timeOrigin + performance.now());
    options.plane.onIke = (datagram) => this.#receive(datagram);
    options.plane.onEvent = (event) => this.#event(event);
  }

  /** All peers are there: from now on messages are answered. Earlier, a known peer would be refused as a stranger. */
  open(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const datagram of early) this.#receive(datagram);
  }

  /**
   * What proves to peers with certificates who we are; undefined: nothing any more. The private key is copied.
   *
   * @throws CertificateError, SuiteError: the former ones stay.
   */
  credentials(credentials: CredentialsConfig | undefined): void {
    this.#carry(this.#options.ike.credentials(credentials, this.#now()));
  }

  /** A pre-shared key in `peer.auth` is wiped when the peer is removed, or replaced with another one. */
  add(peer: PeerConfig): void {
    this.#carry(this.#options.ike.add(peer, this.#now()));
    this.#secrets.keep(peer);
  }

  replace(peer: PeerConfig): void {
    this.#carry(this.#options.ike.replace(peer, this.#now()));
    this.#secrets.keep(peer);
  }

  remove(tunnel: string): void {
    this.#carry(this.#options.ike.remove(tunnel, this.#now()));
    this.#secrets.forget(tunnel);
    this.#faults.forget(tunnel);
    this.#acquired.delete(tunnel);
  }

  initiate(tunnel: string): void {
    this.#carry(this.#options.ike.initiate(tunnel, this.#now()));
  }

  terminate(tunnel: string): void {
    this.#carry(this.#options.ike.terminate(tunnel, this.#now()));
  }

  rekey(tunnel: string, what: "ike" | "child", child?: string): void {
    const { ike } = this.#options;
    this.#carry(what === "ike" ? ike.rekeyIke(tunnel, this.#now()) : ike.rekeyChild(tunnel, child, this.#now()));
  }

  /** Ids of the Child SAs to be watched. */
  watched(): number[] {
    return this.#children.ids();
  }

  /** Looks at the traffic of a Child SA: tells the core if its peer lives, and asks for a rekey where it has carried enough. */
  watch(id: number): void {
    const { ike, log } = this.#options;
    const now = this.#now();
    const found = this.#children.look(id, now);
    if (!found) return;
    const { child, heard, reached } = found;
    if (heard) this.#apply(ike.alive(child.sa.peer, now, child.heard));
    if (!reached) return;
    log.info(
      { tunnel: child.sa.peer, child: child.sa.child, [reached]: child.limits[reached] },
      `Child SA has sent its ${reached}: rekeying`,
    );
    this.#carry(ike.rekeyChild(child.sa.peer, child.sa.child, this.#now(), child.sa.copy));
  }

  /** The datapath's handle of a Child SA of the core. */
  handle(id: number): ChildHandle | undefined {
    return this.#children.handle(id);
  }

  lastError(tunnel: string): LastError | undefined {
    return this.#faults.of(tunnel);
  }

  /** No timer fires any more, and what the datapath still reports is ignored. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #receive(datagram: IkeDatagram): void {
    if (this.#closed) return;
    if (this.#early) {
      if (this.#early.length < EARLY) this.#early.push(datagram);
      return;
    }
    this.#carry(this.#options.ike.handle(datagram, this.#now()));
  }

  #event(event: PlaneEvent): void {
    if (this.#closed) return;
    const { ike, fabric, log } = this.#options;
    switch (event.kind) {
      case "moved": {
        const tunnel = this.#children.tunnelOf(event.child);
        if (tunnel !== undefined) this.#carry(ike.moved(tunnel, event.remote, this.#now()));
        return;
      }
      case "path-mtu": {
        const tunnel = this.#children.tunnelOf(event.child);
        if (tunnel !== undefined) this.#tellMtu(tunnel, fabric.pathMtu(tunnel, event.mtu));
        return;
      }
      case "acquire": {
        const tunnel = fabric.tunnelAt(event.adjacency);
        const now = this.#now();
        if (tunnel === undefined || now - (this.#acquired.get(tunnel) ?? 0) < ACQUIRE_EVERY) return;
        this.#acquired.set(tunnel, now);
        this.#carry(ike.initiate(tunnel, now));
        return;
      }
      case "tun-gone":
        this.#options.tunGone(event.adjacency);
        return;
      case "unknown-spi":
        log.debug({ spi: espSpiText(event.spi) }, "ESP for an SPI that is not in use");
        // Before all peers are known everybody is a stranger.
        if (this.#early === undefined) this.#carry(ike.unknownSpi(event.spi, event, this.#now()));
        return;
      case "failed":
        this.#options.failed(event.error);
    }
  }

  /** Carries effects out, in order, and sets the timer anew. The core may wipe the keys in them as soon as this returns. */
  #carry(effects: readonly Effect[]): void {
    this.#apply(effects);
    this.#wake();
  }

  /** The same without the timer, for effects of a call that sets no alarm. */
  #apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      try {
        this.#effect(effect);
      } catch (error) {
        this.#faults.refused(effect, error, this.#now());
      }
    }
    // Once for all effects: a Child SA that takes over from another is no gap.
    for (const [tunnel, sends] of this.#children.turned()) this.#health.turned(tunnel, sends);
  }

  #effect(effect: Effect): void {
    const { plane } = this.#options;
    switch (effect.kind) {
      case "send":
        plane.sendIke(effect.datagram);
        return;
      case "keepalive":
        plane.sendKeepalive(effect.path);
        return;
      case "install": {
        const { child, transmit } = effect;
        this.#children.install(child);
        this.#follow(child.peer, child.path);
        if (transmit) this.#transmit(child.id);
        return;
      }
      case "transmit":
        this.#transmit(effect.id);
        return;
      case "retire":
        this.#children.retire(effect.id);
        return;
      case "remove":
        this.#children.remove(effect.id);
        return;
      case "silent":
        this.#health.doubt(effect.peer, effect.silent);
        return;
      case "path":
        this.#children.reroute(effect.peer, effect.path);
        this.#follow(effect.peer, effect.path);
        return;
      case "event":
        this.#faults.report(effect.event, this.#now());
    }
  }

  #transmit(id: number): void {
    const tunnel = this.#children.transmit(id);
    if (tunnel !== undefined) this.#faults.forget(tunnel);
  }

  #follow(tunnel: string, path: Path): void {
    this.#tellMtu(tunnel, this.#options.fabric.follow(tunnel, path.local.address, path.remote.address));
  }

  #tellMtu(tunnel: string, mtu: number | undefined): void {
    if (mtu !== undefined) this.#options.log.info({ tunnel, mtu }, "tunnel MTU");
  }

  #wake(): void {
    clearTimeout(this.#timer);
    const due = this.#options.ike.next();
    if (due === undefined || this.#closed) return;
    const wait = Math.min(LONGEST_TIMER, Math.max(0, Math.ceil(due - this.#now())));
    this.#timer = setTimeout(() => this.#carry(this.#options.ike.tick(this.#now())), wait);
  }
}
