import { describe, expect, it } from "vitest";
import type { ChildSa, Effect } from "../../../src/ike/effect.ts";
import type { PeerConfig } from "../../../src/ike/peer.ts";
import { Fabric } from "../../../src/router/fabric.ts";
import { type IkeCore, Keying } from "../../../src/router/keying.ts";
import type { Loans } from "../../../src/router/loans.ts";
import { FakeHost } from "./fakehost.ts";
import { FakePlane } from "./fakeplane.ts";
import { silent } from "./silent.ts";

const path = {
  local: { address: Uint8Array.of(192, 0, 2, 1), port: 4500 },
  remote: { address: Uint8Array.of(198, 51, 100, 1), port: 4500 },
};
const half = (spi: number) => ({
  spi,
  cipher: "aes128gcm16" as const,
  key: new Uint8Array(16),
  salt: new Uint8Array(4),
  esn: true,
});
const any = [{ protocol: 0, portLow: 0, portHigh: 65535, low: new Uint8Array(4), high: new Uint8Array(4).fill(255) }];
const child = (id: number, more: Partial<ChildSa> = {}): ChildSa => ({
  id,
  peer: "p",
  child: "c",
  copy: 0,
  inbound: half(0x1000 + id),
  outbound: half(0x2000 + id),
  local: any,
  remote: any,
  path,
  ...more,
});

/** Keying over a core that does as the test says. */
async function keying(limits = { packets: 1000, bytes: 1e9 }) {
  const plane = new FakePlane();
  const fabric = new Fabric(plane, new FakeHost(), {} as Loans);
  await fabric.carry({ op: "add", resource: { kind: "vrf", name: "v", addresses: [] } });
  const tunnel = { kind: "tunnel", name: "p", vrf: "v", mtu: null, shape: null, zone: null } as const;
  await fabric.carry({ op: "add", resource: tunnel });
  let effects: Effect[] = [];
  const asked: string[] = [];
  let due: number | undefined;
  const say = (what: string) => () => {
    asked.push(what);
    const now = effects;
    effects = [];
    return now;
  };
  const ike = {
    handle: say("handle"),
    tick: say("tick"),
    initiate: say("initiate"),
    rekeyChild: say("rekeyChild"),
    moved: say("moved"),
    alive: say("alive"),
    unknownSpi: say("unknownSpi"),
    remove: say("remove"),
    add: say("add"),
    replace: (peer: PeerConfig) => {
      if (peer.ikeProposals.length === 0) throw new Error("no proposal");
      return say("replace")();
    },
    next: () => due,
  } as unknown as IkeCore;
  let clock = 1_000_000;
  const made = new Keying({
    plane,
    ike,
    fabric,
    log: silent,
    limits: () => limits,
    tunGone: () => undefined,
    failed: () => {},
    now: () => clock,
  });
  const carry = (...now: Effect[]) => {
    effects = now;
    made.initiate("p");
  };
  return {
    made,
    plane,
    fabric,
    asked,
    carry,
    wait: (ms: number) => {
      clock += ms;
    },
    wakeAt: (ms: number | undefined) => {
      due = ms === undefined ? undefined : clock + ms;
    },
  };
}

const datagram = { ...path, bytes: new Uint8Array(28) };

describe("keying", () => {
  it("keeps what comes before all peers are known, up to a limit, and answers it then", async () => {
    const { made, plane, asked } = await keying();
    for (let i = 0; i < 300; i++) plane.onIke(datagram);
    expect(asked).toEqual([]);
    made.open();
    expect(asked).toHaveLength(256);
    plane.onIke(datagram);
    expect(asked).toHaveLength(257);
  });

  it("tells the core of ESP for unknown SPIs once all peers are known: until then everybody is a stranger", async () => {
    const { made, plane, asked } = await keying();
    const event = { kind: "unknown-spi", spi: 0x1001, ...path } as const;
    plane.onEvent(event);
    expect(asked).toEqual([]);
    made.open();
    plane.onEvent(event);
    expect(asked).toEqual(["unknownSpi"]);
    made.close();
    plane.onEvent(event);
    expect(asked).toEqual(["unknownSpi"]);
  });

  it("wipes a pre-shared key when another one has taken its place, and when the peer goes", async () => {
    const { made } = await keying();
    const peer = (byte: number, ikeProposals = ["some"]) => {
      const secret = new Uint8Array(4).fill(byte);
      return { name: "p", auth: { kind: "psk", secret }, ikeProposals } as unknown as PeerConfig;
    };
    const secretIn = ({ auth }: PeerConfig) => (auth.kind === "psk" ? auth.secret : undefined);
    const [first, second, third] = [peer(1), peer(2), peer(3, [])];
    made.add(first);
    expect(() => made.replace(third)).toThrow();
    expect(secretIn(first)).toEqual(new Uint8Array(4).fill(1));
    made.replace(second);
    made.replace(second);
    expect(secretIn(first)).toEqual(new Uint8Array(4));
    expect(secretIn(second)).toEqual(new Uint8Array(4).fill(2));
    made.remove("p");
    expect(secretIn(second)).toEqual(new Uint8Array(4));
  });

  it("moves traffic from the Child SA that is replaced in one step", async () => {
    const { plane, carry } = await keying();
    carry({ kind: "install", child: child(1), transmit: true });
    carry({ kind: "install", child: child(2, { replaces: 1 }), transmit: false });
    const [one, two] = [...plane.children.values()];
    expect([one.transmits, two.transmits]).toEqual([true, false]);
    carry({ kind: "transmit", id: 2 });
    expect([one.transmits, two.transmits]).toEqual([false, true]);
    carry({ kind: "retire", id: 1 }, { kind: "remove", id: 1 });
    expect([...plane.children.values()]).toEqual([two]);
  });

  it("gives each further copy of a Child SA to one worker, and rekeys the one that has grown too old", async () => {
    const { made, plane, carry, asked } = await keying({ packets: 1000, bytes: 1e9 });
    carry({ kind: "install", child: child(1), transmit: true });
    carry({ kind: "install", child: child(2, { copy: 1 }), transmit: true });
    const [first, second] = [...plane.children.values()];
    expect([first.own, second.own]).toEqual([false, true]);
    expect([first.transmits, second.transmits]).toEqual([true, true]);
    second.outbound = { ...second.outbound, sequence: 1001n };
    asked.length = 0;
    for (const id of made.watched()) made.watch(id);
    expect(asked).toEqual(["rekeyChild"]);
  });

  it("passes over effects on a Child SA that the datapath refused, and says so in the status", async () => {
    const { made, plane, carry } = await keying();
    plane.broken = "addChild";
    carry({ kind: "install", child: child(1), transmit: true });
    expect(made.lastError("p")).toMatchObject({ code: "datapath-refused", message: "addChild is broken." });
    carry({ kind: "transmit", id: 1 }, { kind: "retire", id: 1 }, { kind: "remove", id: 1 });
    expect(plane.children.size).toBe(0);
    carry({ kind: "install", child: child(2), transmit: true });
    expect(made.lastError("p")).toBeUndefined();
  });

  it("carries the other effects out when one is refused", async () => {
    const { plane, carry } = await keying();
    plane.broken = "addChild";
    carry({ kind: "install", child: child(1), transmit: true }, { kind: "send", datagram });
    expect(plane.sent).toEqual([datagram]);
  });

  it("does not take ESP without UDP", async () => {
    const { made, plane, carry } = await keying();
    carry({ kind: "install", child: child(1, { native: true }), transmit: true });
    expect(plane.children.size).toBe(0);
    expect(made.lastError("p")?.message).toContain("encapsulation: always");
  });

  it("sends keepalives, and follows a path with all Child SAs", async () => {
    const { plane, fabric, carry } = await keying();
    carry({ kind: "install", child: child(1), transmit: true }, { kind: "keepalive", path });
    expect(plane.keepalives).toEqual([path]);
    expect(fabric.mtu("p")).toBe(1438);
    const there = {
      local: { address: new Uint8Array(16), port: 4500 },
      remote: { address: new Uint8Array(16).fill(1), port: 1024 },
    };
    carry({ kind: "path", peer: "p", path: there });
    expect([...plane.children.values()][0].outer).toEqual(there);
    expect(fabric.mtu("p")).toBe(1418);
  });

  it("tells the core of life, of moves, and of packets that want a tunnel", async () => {
    const { made, plane, asked, carry, wait } = await keying();
    carry({ kind: "install", child: child(1), transmit: true });
    asked.length = 0;
    const [[id, fake]] = [...plane.children];
    for (const id of made.watched()) made.watch(id);
    expect(asked).toEqual([]);
    fake.inbound = { ...fake.inbound, last: 5 };
    for (const id of made.watched()) made.watch(id);
    for (const id of made.watched()) made.watch(id);
    expect(asked).toEqual(["alive"]);
    plane.onEvent({ kind: "moved", child: id, remote: path.remote });
    plane.onEvent({ kind: "moved", child: 999, remote: path.remote });
    expect(asked).toEqual(["alive", "moved"]);
    asked.length = 0;
    const [adjacency] = [...plane.tunnels.keys()];
    for (let i = 0; i < 3; i++) plane.onEvent({ kind: "acquire", adjacency });
    wait(1001);
    plane.onEvent({ kind: "acquire", adjacency });
    plane.onEvent({ kind: "acquire", adjacency: 999 });
    expect(asked).toEqual(["initiate", "initiate"]);
  });

  it("asks for a rekey of what is old, and again when nothing comes of it", async () => {
    const { made, plane, asked, carry, wait } = await keying();
    carry({ kind: "install", child: child(1), transmit: true });
    asked.length = 0;
    const [[, fake]] = [...plane.children];
    fake.outbound = { ...fake.outbound, bytes: 2e9 };
    for (const id of made.watched()) made.watch(id);
    wait(59_999);
    for (const id of made.watched()) made.watch(id);
    expect(asked).toEqual(["rekeyChild"]);
    wait(1);
    for (const id of made.watched()) made.watch(id);
    expect(asked).toEqual(["rekeyChild", "rekeyChild"]);
    carry({ kind: "retire", id: 1 });
    wait(60_000);
    for (const id of made.watched()) made.watch(id);
    expect(asked).toEqual(["rekeyChild", "rekeyChild", "initiate"]);
  });

  it("wakes the core when it wants to be woken, and no more after the end", async () => {
    const { made, asked, carry, wakeAt } = await keying();
    wakeAt(5);
    carry();
    wakeAt(undefined);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).toEqual(["initiate", "tick"]);
    wakeAt(5);
    carry();
    made.close();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).toEqual(["initiate", "tick", "initiate"]);
  });
});
