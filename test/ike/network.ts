/**
 * Two or more IKE endpoints in one process, on a network that loses, doubles, delays and reorders datagrams, with NATs in it, and
 * with a model of the datapath.
 */
import type { Datagram, Effect, Endpoint, IkeEvent } from "../../src/ike/effect.ts";
import { IkeEndpoint, type IkeOptions } from "../../src/ike/endpoint.ts";
import { Dice } from "./clock.ts";
import { Datapath } from "./datapath.ts";

export interface Weather {
  /** Shares of datagrams, 0–1. */
  loss: number;
  duplication: number;
  /** One-way delay in ms, between these. Unequal ones reorder. */
  delay: readonly [number, number];
}

export const CALM: Weather = { loss: 0, duplication: 0, delay: [5, 5] };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

export class Host {
  readonly network: Network;
  readonly name: string;
  readonly address: Uint8Array;
  readonly dice: Dice;
  readonly events: IkeEvent[] = [];
  readonly spis = new Set<number>();
  /** Peers that the environment was told to forget. */
  readonly forgotten: string[] = [];
  /** Outlives a crash; undefined: the host cannot keep one (RFC 6290). */
  secret: Uint8Array | undefined;
  ike: IkeEndpoint;
  datapath = new Datapath();
  /** Reserved SPIs at most. */
  slots = 64;
  /** Of these, so many are not for further copies of a Child SA. */
  kept = 0;
  sent = 0;
  #options: Partial<IkeOptions>;

  constructor(network: Network, name: string, address: Uint8Array, seed: number, options: Partial<IkeOptions>) {
    this.network = network;
    this.name = name;
    this.address = address;
    this.dice = new Dice(seed);
    this.secret = this.dice.bytes(32);
    this.#options = options;
    this.ike = this.#boot();
  }

  #boot(): IkeEndpoint {
    return new IkeEndpoint(
      {
        random: (n) => this.dice.bytes(n),
        reserveSpi: (_peer, _copy, more) => {
          if (this.spis.size + (more ? this.kept : 0) >= this.slots) return undefined;
          for (;;) {
            const spi = this.dice.word() >>> 0;
            if (spi < 256 || this.spis.has(spi)) continue;
            this.spis.add(spi);
            return spi;
          }
        },
        releaseSpi: (spi) => {
          if (!this.spis.delete(spi)) throw new Error("released an SPI that was not reserved");
          for (const { child } of this.datapath.installed.values()) {
            if (child.inbound.spi === spi) throw new Error("released an SPI that is installed");
          }
        },
        forget: (peer) => void this.forgotten.push(peer),
        localAddress: () => this.address,
        date: () => this.network.epoch + this.network.now,
        ...(this.secret && { crashSecret: this.secret }),
        ikePort: 500,
        natPort: 4500,
      },
      this.#options,
    );
  }

  /** Everything is forgotten, as after a crash. */
  crash(): void {
    this.spis.clear();
    this.datapath = new Datapath();
    this.ike = this.#boot();
  }

  /** A packet of ESP for this host; what its datapath does not know it tells the IKE core. */
  esp(packet: { readonly spi: number; readonly key: string }, from: Endpoint): void {
    if (this.datapath.opens(packet)) return;
    const local = { address: this.address, port: 4500 };
    this.do((ike, now) => ike.unknownSpi(packet.spi, { local, remote: from }, now));
  }

  do(run: (ike: IkeEndpoint, now: number) => Effect[]): Effect[] {
    const effects = run(this.ike, this.network.now);
    for (const effect of effects) {
      if (effect.kind === "remove") this.spis.delete(this.datapath.installed.get(effect.id)!.child.inbound.spi);
      this.datapath.apply(effect);
      if (effect.kind === "send") {
        this.sent += 1;
        this.network.send(effect.datagram);
      }
      if (effect.kind === "event") this.events.push(effect.event);
    }
    return effects;
  }

  codes(): string[] {
    return this.events.map(({ code }) => code);
  }
}

interface Flight {
  readonly at: number;
  readonly turn: number;
  readonly run: () => void;
  /** Nothing has happened when it arrives, as far as IKE goes. */
  readonly quiet: boolean;
}

/** A NAT in front of one inside address: its ports become other ports of `outside`. */
export interface Nat {
  readonly inside: Uint8Array;
  outside: Uint8Array;
  /** Added to every port. */
  shift: number;
}

const sameAddress = (a: Uint8Array, b: Uint8Array) => hex(a) === hex(b);

export class Network {
  now = 1_000;
  /** The hosts' clock at time 0, milliseconds since the Unix epoch. */
  epoch = Date.UTC(2026, 0, 1);
  weather: Weather = { ...CALM };
  readonly nats: Nat[] = [];
  readonly hosts: Host[] = [];
  readonly dice: Dice;
  /** One-way delay of certain datagrams instead of the weather's, ms; such a datagram comes exactly once. */
  delay: ((datagram: Datagram) => number | undefined) | undefined;
  /** Seen by every test that wants to know or to interfere: false drops the datagram; its bytes may be changed. */
  watch: ((datagram: Datagram) => boolean) | undefined;
  #flights: Flight[] = [];
  #turn = 0;

  constructor(seed = 1) {
    this.dice = new Dice(seed);
  }

  host(name: string, address: Uint8Array, options: Partial<IkeOptions> = {}): Host {
    const host = new Host(this, name, address, this.dice.word(), options);
    this.hosts.push(host);
    return host;
  }

  send(sent: Datagram): void {
    // The sender keeps its bytes; what happens on the way happens to a copy.
    const datagram = { ...sent, bytes: sent.bytes.slice() };
    if (this.watch?.(datagram) === false) return;
    const fixed = this.delay?.(datagram);
    if (fixed !== undefined) {
      this.later(fixed, () => this.#arrive(datagram), false);
      return;
    }
    const { loss, duplication, delay } = this.weather;
    const copies = this.dice.fraction() < duplication ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.dice.fraction() < loss) continue;
      const copy = { ...datagram, bytes: datagram.bytes.slice() };
      this.later(delay[0] + this.dice.fraction() * (delay[1] - delay[0]), () => this.#arrive(copy), false);
    }
  }

  /** Runs `run` in `ms` milliseconds. `quiet`: the callback of `run` is not told. */
  later(ms: number, run: () => void, quiet = true): void {
    this.#flights.push({ at: this.now + ms, turn: this.#turn++, run, quiet });
  }

  #translate(datagram: Datagram): Datagram {
    let { local: from, remote: to } = datagram;
    const out = this.nats.find(({ inside }) => sameAddress(inside, from.address));
    if (out !== undefined) from = { address: out.outside, port: from.port + out.shift };
    const into = this.nats.find(
      ({ outside, shift }) => sameAddress(outside, to.address) && [500, 4500].includes(to.port - shift),
    );
    if (into !== undefined) to = { address: into.inside, port: to.port - into.shift };
    return { local: to, remote: from, bytes: datagram.bytes };
  }

  #arrive(datagram: Datagram): void {
    const there = this.#translate(datagram);
    const host = this.hosts.find(({ address }) => sameAddress(address, there.local.address));
    host?.do((ike, now) => ike.handle(there, now));
  }

  #next(): { readonly at: number; readonly run: () => void; readonly quiet: boolean } | undefined {
    const earlier = (one: Flight, best: Flight) => one.at < best.at || (one.at === best.at && one.turn < best.turn);
    let flight: Flight | undefined;
    for (const one of this.#flights) if (flight === undefined || earlier(one, flight)) flight = one;
    const tick = this.hosts
      .map((host) => ({ host, at: host.ike.next() ?? Number.POSITIVE_INFINITY }))
      .reduce((best, one) => (one.at < best.at ? one : best));
    if (flight !== undefined && flight.at <= tick.at) {
      const { at, run, quiet } = flight;
      return {
        at,
        quiet,
        run: () => {
          this.#flights = this.#flights.filter((one) => one !== flight);
          run();
        },
      };
    }
    if (tick.at === Number.POSITIVE_INFINITY) return undefined;
    return { at: tick.at, quiet: false, run: () => tick.host.do((ike, now) => ike.tick(now)) };
  }

  /** Lets `ms` milliseconds pass; `after` runs when anything has happened. */
  run(ms: number, after?: () => void): void {
    const end = this.now + ms;
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.now = Math.max(this.now, next.at);
      next.run();
      if (!next.quiet) after?.();
    }
    this.now = end;
  }
}

export function v4(text: string): Uint8Array {
  return Uint8Array.from(text.split(".").map(Number));
}

export function v6(text: string): Uint8Array {
  const [head, tail = ""] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >>> 8, Number.parseInt(group, 16) & 255]),
  );
}

export function endpoint(address: string, port: number): Endpoint {
  return { address: address.includes(":") ? v6(address) : v4(address), port };
}
