import { describe, expect, it } from "vitest";
import { ADJ_TUNNEL, AHEAD_GROUP, BATCH } from "../../../assembly/layout.ts";
import { Router } from "./harness.ts";
import { ip, udp } from "./packets.ts";
import { keys, pair } from "./pair.ts";

/** Tunnels of the router under test; their remote networks are 10.20.i.0/24 and fd00:20:i::/48. */
const TUNNELS = 20;

/** A router with many tunnels, a peer each; the same every time but for the keys. */
function hubOf(): { router: Router; tun: number } {
  const router = new Router();
  const { tun, adjacency } = router.tun(3);
  const other = router.tun(3);
  for (let i = 0; i < TUNNELS; i++) {
    const tunnel = router.adjacency(ADJ_TUNNEL, { id: 100 + i });
    const path = router.path({ address: `192.0.2.${i + 1}`, port: 4500 });
    const sa = router.sa(keys(0x51000000 + i, "chacha20poly1305", true), {
      slot: 40 + i,
      path,
      adjacency: tunnel,
      vrf: 3,
    });
    router.children(tunnel, { sa });
    router.route(3, `10.20.${i}.0/24`, tunnel);
    router.route(3, `fd00:20:${i.toString(16)}::/48`, tunnel);
    // In the middle of another tunnel's network: which of them it is, only the last bits say.
    router.route(3, `10.20.${i}.${200 + i}/32`, i % 3 === 0 ? other.adjacency : 2 + ((i + 7) % TUNNELS));
  }
  router.route(3, "10.1.0.0/16", adjacency);
  return { router, tun };
}

/** Packets to all of them in no order, some that nobody can route, some that are none. */
function mixture(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => {
    const i = (n * 13) % (TUNNELS + 2);
    const payload = udp(1000, 2000, Buffer.alloc(n % 50, n));
    if (n % 29 === 28) return Buffer.alloc(n % 19, 0x45);
    if (n % 31 === 30) return Buffer.alloc(60, 0xff);
    if (n % 3 === 0) return ip({ from: "fd00:1::9", to: `fd00:20:${i.toString(16)}::9`, payload });
    return ip({ from: "10.1.0.9", to: `10.20.${i}.${n % 5 === 0 ? 200 + i : n & 63}`, payload });
  });
}

describe("looking ahead", () => {
  it("changes nothing: a batch goes where its packets go one by one", () => {
    for (const count of [1, AHEAD_GROUP - 1, AHEAD_GROUP, AHEAD_GROUP + 1, BATCH, BATCH + 3]) {
      const packets = mixture(count);
      const together = hubOf();
      const apart = hubOf();
      const all = together.router.fromTun(together.tun, ...packets);
      const each = packets.map((packet) => apart.router.fromTun(apart.tun, packet));
      const gone = (sent: (typeof all)["sent"]) =>
        sent.map(({ to, bytes }) => [to.address, bytes.length, bytes.readUInt32BE(4)]);
      expect(gone(all.sent)).toEqual(each.flatMap(({ sent }) => gone(sent)));
      expect(all.written).toEqual(each.flatMap(({ written }) => written));
      expect(together.router.counters()).toEqual(apart.router.counters());
    }
  });

  it("sees a batch of datagrams through, with replays and forgeries among them", () => {
    const { branch, gateway, carry } = pair();
    const packets = Array.from({ length: BATCH }, (_, n) =>
      n % 2
        ? ip({ from: "10.1.0.9", to: `10.2.0.${n}`, payload: udp(n, 2, Buffer.alloc(n)) })
        : ip({ from: "fd00:1::9", to: `fd00:2::${n}`, payload: udp(n, 2, Buffer.alloc(n)) }),
    );
    const out = branch.router.fromTun(branch.tun, ...packets);
    const { written } = carry(gateway, out, (sent) => {
      const forged = { ...sent[17]!, bytes: Buffer.from(sent[17]!.bytes) };
      forged.bytes[40]! ^= 1;
      return [...sent.slice(0, 17), forged, ...sent.slice(18), sent[3]!];
    });
    expect(written.map(({ bytes }) => bytes)).toEqual(packets.filter((_, n) => n !== 17));
    expect(gateway.router.counters()).toEqual({ "udp-read": BATCH + 1, delivered: BATCH - 1, forged: 1, replayed: 1 });
  });
});
