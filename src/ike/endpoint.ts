/**
 * The IKEv2 side of a router (RFC 7296), sans I/O: datagrams and time go in, effects come out, in the order in which they are to
 * be carried out before the next call. It keeps no more state than its peers and its options allow, whatever strangers send.
 */
import { Credentials, type CredentialsConfig, timeText } from "./certificate/index.ts";
import type { Datagram, Effect, Endpoint, Path } from "./effect.ts";
import { DEFAULT_OPTIONS, type IkeEnvironment, type IkeOptions } from "./environment.ts";
import { giveHint } from "./hint.ts";
import { Neighbour } from "./neighbour.ts";
import type { PeerConfig } from "./peer.ts";
import { Realm } from "./realm.ts";
import { receive } from "./receive.ts";
import { needsNewIkeSa, reconfigure } from "./replace.ts";
import { type PeerStatus, statusOf } from "./status.ts";
import { MAJOR, otherVersion, receiveFirst, receiveUnknown } from "./stranger.ts";
import { rekeyChild, rekeyIke } from "./watch.ts";
import { decodeHeader, type Header, WireError } from "./wire/index.ts";

export type { CredentialsConfig } from "./certificate/index.ts";
export type { IkeEnvironment, IkeOptions } from "./environment.ts";
export type { ChildStatus, PeerStatus } from "./status.ts";

/** How much there is of everything that could grow. */
export interface Sizes {
  readonly sas: number;
  readonly halfOpen: number;
  readonly lingering: number;
  readonly alarms: number;
  /** Bytes of messages whose fragments are not all there. */
  readonly gathering: number;
  /** Addresses of which it is remembered what they were told in the clear after a crash. */
  readonly told: number;
}

export class IkeEndpoint {
  readonly #realm: Realm;

  /** `options`: what differs from DEFAULT_OPTIONS. */
  constructor(environment: IkeEnvironment, options: Partial<IkeOptions> = {}) {
    this.#realm = new Realm(environment, { ...DEFAULT_OPTIONS, ...options });
  }

  #call(now: number, run: () => void): Effect[] {
    this.#realm.begin(now);
    run();
    return this.#realm.finish();
  }

  #with(name: string, now: number, run: (neighbour: Neighbour) => void): Effect[] {
    return this.#call(now, () => {
      const neighbour = this.#realm.neighbours.get(name);
      if (neighbour !== undefined) run(neighbour);
    });
  }

  /** A datagram from port 500 or 4500, without non-ESP marker. `now`: milliseconds of a clock that does not go back. Never throws. */
  handle(datagram: Datagram, now: number): Effect[] {
    return this.#call(now, () => this.#receive(datagram));
  }

  /** Runs what is due. */
  tick(now: number): Effect[] {
    return this.#call(now, () => {
      const { schedule } = this.#realm;
      for (let alarm = schedule.due(now); alarm !== undefined; alarm = schedule.due(now)) alarm.run();
    });
  }

  /** When `tick` is wanted; undefined: nothing waits. May lie in the past. */
  next(): number | undefined {
    return this.#realm.next();
  }

  /** A new peer, asked at once when it shall be initiated. One of the same name is replaced. Throws SuiteError for a proposal that is none. */
  add(peer: PeerConfig, now: number): Effect[] {
    if (this.#realm.neighbours.get(peer.name) !== undefined) return this.replace(peer, now);
    return this.#call(now, () => this.#add(new Neighbour(this.#realm, peer)));
  }

  #add(neighbour: Neighbour): void {
    this.#realm.neighbours.add(neighbour);
    neighbour.wanted = neighbour.config.initiate;
    if (neighbour.wanted) neighbour.connect();
  }

  /** The peer is told and forgotten. Its Child SAs go at once. */
  remove(name: string, now: number): Effect[] {
    return this.#with(name, now, (neighbour) => {
      neighbour.terminate();
      this.#realm.neighbours.remove(neighbour);
      this.#realm.environment.forget?.(name);
    });
  }

  /**
   * Another configuration for a peer. Lifetimes, DPD, proposals, `initiate` and `from` change under a running IKE SA; a child whose
   * selectors or ESP proposals change is made anew; identities, secret, addresses or encapsulation need a new IKE SA.
   */
  replace(peer: PeerConfig, now: number): Effect[] {
    const neighbour = this.#realm.neighbours.get(peer.name);
    if (neighbour === undefined) return this.add(peer, now);
    return this.#call(now, () => {
      if (!needsNewIkeSa(neighbour.config, peer)) return reconfigure(neighbour, peer);
      const next = new Neighbour(this.#realm, peer);
      neighbour.terminate();
      this.#realm.neighbours.remove(neighbour);
      this.#add(next);
    });
  }

  /**
   * Our certificate, its key and the trusted authorities from now on; undefined: none any more. SAs that are up stay up; the next
   * IKE_AUTH, of either side, goes by the new ones. `config.key` is copied, what was copied before is wiped. Throws CertificateError and
   * SuiteError for what cannot be used; nothing has changed then.
   */
  credentials(config: CredentialsConfig | undefined, now: number): Effect[] {
    const next = config && new Credentials(config);
    return this.#call(now, () => {
      const realm = this.#realm;
      const before = realm.credentials;
      realm.credentials = next;
      before?.wipe();
      if (next !== undefined) {
        const { subject, notAfter } = next.certificate;
        realm.event("info", "credentials", `Our certificate is ${subject}, valid until ${timeText(notAfter)}.`);
      }
      if (before !== undefined || next === undefined) return;
      for (const neighbour of realm.neighbours) {
        if (neighbour.wanted && neighbour.config.auth.kind === "certificate") neighbour.connect();
      }
    });
  }

  /** Makes the peer's IKE SA and Child SAs now if they are not there. */
  initiate(name: string, now: number): Effect[] {
    return this.#with(name, now, (neighbour) => neighbour.initiate());
  }

  /** Rekeys the IKE SA now. */
  rekeyIke(name: string, now: number): Effect[] {
    return this.#with(name, now, ({ current }) => {
      if (current !== undefined) rekeyIke(current);
    });
  }

  /** Rekeys one Child SA (all copies of it, or one), or all of the peer, now. */
  rekeyChild(name: string, child: string | undefined, now: number, copy?: number): Effect[] {
    return this.#with(name, now, ({ children }) => {
      for (const one of [...children]) {
        if ((child === undefined || one.name === child) && (copy === undefined || one.copy === copy)) rekeyChild(one);
      }
    });
  }

  /** Ends the peer's IKE SA and Child SAs. It stays configured, and down until `initiate` or until the peer asks. */
  terminate(name: string, now: number): Effect[] {
    return this.#with(name, now, (neighbour) => {
      neighbour.terminate();
      this.#realm.event("info", "ike-down", `The IKE SA with ${neighbour.title} is ended on request.`, name);
    });
  }

  /** An authentic ESP packet of this peer came at time `at`: it lived then. */
  alive(peer: string, now: number, at = now): Effect[] {
    return this.#with(peer, now, (neighbour) => {
      const { current } = neighbour;
      if (current === undefined) return;
      if (at <= current.heardAt) return;
      current.heardAt = Math.min(at, this.#realm.now);
      neighbour.silence(false);
    });
  }

  /** What an operator sees of one peer; undefined: there is none of this name. */
  peer(name: string): PeerStatus | undefined {
    const neighbour = this.#realm.neighbours.get(name);
    return neighbour && statusOf(neighbour);
  }

  /** An authentic ESP packet has come from another address. The peer is followed there when it is behind a NAT (RFC 7296 §2.23). */
  moved(peer: string, remote: Endpoint, now: number): Effect[] {
    return this.#with(peer, now, ({ current }) => current?.follow({ local: current.path.local, remote }));
  }

  /** ESP has come for an SPI that is not in use here, on this path. Its sender gets a hint, which costs nobody anything if it is not a peer. */
  unknownSpi(spi: number, path: Path, now: number): Effect[] {
    return this.#call(now, () => giveHint(this.#realm, spi, path));
  }

  status(): PeerStatus[] {
    return [...this.#realm.neighbours].map(statusOf);
  }

  /** What was refused or lost, by reason; names and meanings in counter.ts. */
  counters(): Record<string, number> {
    return this.#realm.counters.all();
  }

  /** Sizes of everything that could grow. */
  sizes(): Sizes {
    const { sas, halfOpen, linger, schedule, hints, proofs } = this.#realm;
    const gathering = [...sas.values()].reduce((sum, sa) => sum + sa.requests.length + sa.responses.length, 0);
    const told = hints.size + proofs.size;
    return { sas: sas.size, halfOpen: halfOpen.size, lingering: linger.size, alarms: schedule.size, gathering, told };
  }

  #receive(datagram: Datagram): void {
    const realm = this.#realm;
    let header: Header;
    try {
      header = decodeHeader(datagram.bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      realm.count("malformed");
      return;
    }
    if (header.major !== MAJOR) {
      otherVersion(realm, header, datagram);
      return;
    }
    const spi = header.initiator ? header.spiR : header.spiI;
    if (spi === 0n) {
      receiveFirst(realm, header, datagram);
      return;
    }
    const sa = realm.sas.get(spi);
    const theirs = header.initiator ? header.spiI : header.spiR;
    const first = sa?.state === "connecting" && sa.spiRemote === 0n;
    if (sa === undefined || (sa.spiRemote !== theirs && !first)) {
      receiveUnknown(realm, spi, header, datagram);
      return;
    }
    receive(sa, header, datagram);
  }
}
