/**
 * Many peers want one responder at once, as after its restart. Real endpoints on a virtual clock: what a message costs the responder
 * is measured and passes on the clock, messages wait for their turn in a ring as large as the datapath's, and what does not fit is
 * lost. The peers' own work costs no time: they have a machine each.
 */
import { randomBytes } from "node:crypto";
import { RING_SIZE } from "../../assembly/layout.ts";
import type { Datagram, Effect } from "../../src/ike/effect.ts";
import { IkeEndpoint } from "../../src/ike/endpoint.ts";
import type { PeerConfig } from "../../src/ike/peer.ts";
import { Schedule } from "../../src/ike/schedule.ts";

export interface Storm {
  readonly peers: number;
  /** Virtual seconds until half of them, and all of them, were up. */
  readonly half: number;
  readonly all: number;
  readonly handshakesPerSecond: number;
  /** Messages that found the responder's ring full. */
  readonly lost: number;
  /** What the responder counted: cookies, retransmissions … */
  readonly counters: Readonly<Record<string, number>>;
}

/** One way, milliseconds. */
const DELAY = 20;
/** Bytes of a record in the ring beside the message. */
const RECORD = 80;
/** The responder's end. */
const HOME = { address: Uint8Array.of(198, 51, 100, 1), port: 500 };
const TEXT = new TextEncoder();
const EVERYTHING = {
  protocol: 0,
  portLow: 0,
  portHigh: 65_535,
  low: new Uint8Array(4),
  high: new Uint8Array(4).fill(255),
};

/** `within`: virtual seconds after which those who are not up are given up. */
export function storm(peers: number, within = 600): Storm {
  let now = 0;
  const schedule = new Schedule();
  const upAt: number[] = [];
  const edges: Edge[] = [];

  const responder = endpoint(HOME.address);
  let free = 0;
  let waiting = 0;
  let lost = 0;
  /** The responder works on one thing after the other. */
  const work = (run: () => readonly Effect[], bytes: number) => {
    waiting += bytes;
    const begin = Math.max(now, free);
    // It is counted as busy from now on, so that what comes later queues behind; how long is known when it has run.
    free = begin;
    schedule.set(begin, () => {
      if (free > now) {
        waiting -= bytes;
        work(run, bytes);
        return;
      }
      waiting -= bytes;
      const begun = performance.now();
      const effects = run();
      free = now + (performance.now() - begun);
      for (const effect of effects) if (effect.kind === "send") deliver(effect.datagram, free - now);
      wakeResponder();
    });
  };
  let alarm: ReturnType<Schedule["set"]> | undefined;
  const wakeResponder = () => {
    schedule.cancel(alarm);
    const due = responder.next();
    if (due !== undefined) alarm = schedule.set(Math.max(due, free, now), () => work(() => responder.tick(now), 0));
  };
  const deliver = ({ local, remote, bytes }: Datagram, after: number) => {
    const edge = edges[indexOf(remote.address)];
    schedule.set(now + after + DELAY, () =>
      edge.do(() => edge.ike.handle({ local: remote, remote: local, bytes }, now)),
    );
  };

  class Edge {
    readonly ike: IkeEndpoint;
    #alarm: ReturnType<Schedule["set"]> | undefined;
    #up = false;

    constructor(index: number) {
      this.ike = endpoint(addressOf(index));
    }

    do(run: () => readonly Effect[]): void {
      for (const effect of run()) {
        if (effect.kind === "install" && !this.#up) {
          this.#up = true;
          upAt.push(now);
        }
        if (effect.kind !== "send") continue;
        const { local, remote, bytes } = effect.datagram;
        schedule.set(now + DELAY, () => {
          const size = bytes.length + RECORD;
          if (waiting + size > RING_SIZE) lost++;
          else work(() => responder.handle({ local: remote, remote: local, bytes }, now), size);
        });
      }
      schedule.cancel(this.#alarm);
      const due = this.ike.next();
      // An edge that is up has only timers that do not matter here.
      if (due !== undefined && !this.#up) {
        this.#alarm = schedule.set(Math.max(due, now), () => this.do(() => this.ike.tick(now)));
      }
    }
  }

  for (let index = 0; index < peers; index++) {
    edges.push(new Edge(index));
    responder.add(config(index, false), 0);
  }
  for (const [index, edge] of edges.entries()) edge.do(() => edge.ike.add(config(index, true), 0));
  while (upAt.length < peers) {
    const due = schedule.next();
    if (due === undefined || due > within * 1000) break;
    now = Math.max(now, due);
    schedule.due(now)?.run();
  }
  const all = upAt.length < peers ? Number.POSITIVE_INFINITY : upAt[peers - 1] / 1000;
  return {
    peers,
    half: upAt[Math.floor(peers / 2)] / 1000,
    all,
    handshakesPerSecond: Math.round(peers / all),
    lost,
    counters: responder.counters(),
  };
}

function endpoint(own: Uint8Array): IkeEndpoint {
  let spi = 0x10000;
  return new IkeEndpoint({
    random: (n) => randomBytes(n),
    date: () => Date.now(),
    reserveSpi: () => spi++,
    releaseSpi: () => undefined,
    localAddress: () => own,
    ikePort: 500,
    natPort: 4500,
  });
}

function addressOf(index: number): Uint8Array {
  return Uint8Array.of(10, index >>> 16, (index >>> 8) & 255, index & 255);
}

function indexOf(address: Uint8Array): number {
  return (address[1] << 16) | (address[2] << 8) | address[3];
}

function config(index: number, edge: boolean): PeerConfig {
  const names = [`edge-${index}.test`, "gateway.test"].map((name) => ({
    type: "fqdn" as const,
    data: TEXT.encode(name),
  }));
  const [localId, remoteId] = edge ? names : names.reverse();
  return {
    name: edge ? "gateway" : `edge-${index}`,
    ...(edge ? { remote: { address: HOME.address } } : {}),
    localId,
    remoteId,
    auth: { kind: "psk", secret: TEXT.encode("0123456789abcdef0123456789abcdef") },
    initiate: edge,
    ikeProposals: ["chacha20poly1305-sha256-x25519"],
    children: [
      {
        name: "net",
        local: [EVERYTHING],
        remote: [EVERYTHING],
        espProposals: ["chacha20poly1305"],
        lifetime: { ms: 3_600_000, jitter: 0.1 },
      },
    ],
    ikeLifetime: { ms: 14_400_000, jitter: 0.1 },
    dpd: 30_000,
    encapsulation: "always",
  };
}
