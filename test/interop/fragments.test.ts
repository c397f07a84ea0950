/**
 * IKE messages in fragments (RFC 7383) between our router and strongSwan, each cutting to its own size. Nothing here is measured:
 * this file takes no turn, and runs beside others.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inside, run } from "../../src/lab/command.ts";
import { STRONGSWAN_PROGRAMS } from "../../src/lab/prerequisites.ts";
import { eventually } from "../net/region.ts";
import { asRoot } from "../net/root.ts";
import { drawn, TUNNEL, type Wishes } from "./site.ts";

/** Largest IP datagram of strongSwan's IKE messages, bytes; ours are of 1,280. */
const THEIRS = 576;

const OURS = [
  "10.1.0.0/24",
  "fd00:1::/64",
  ...Array.from({ length: 40 }, (_, i) => `fd00:1:0:${(i + 1).toString(16)}::/64`),
];
const FAR = ["10.9.0.0/24", "fd00:9::/64"];

/** So many selectors that IKE_AUTH and CREATE_CHILD_SA have more than 1,800 bytes, whoever sends them. */
const LARGE: Wishes = {
  tunnel: { selectors: { local: OURS, remote: FAR } },
  swan: { localSelectors: FAR, remoteSelectors: OURS },
};

describe.skipIf(!asRoot("fragments with strongSwan", STRONGSWAN_PROGRAMS))("IKE fragments and strongSwan", () => {
  const pair = drawn(`f${process.pid}`, THEIRS);
  let begun = 0;

  const log = () => readFileSync(pair().swan.log, "utf8").slice(begun);
  const matches = (pattern: RegExp) => [...log().matchAll(pattern)];
  /** Bytes of the IKE messages that came from us. */
  const received = () => matches(/received packet: from \S+ to \S+ \((\d+) bytes\)/g).map((match) => Number(match[1]));

  async function connect(initiator: "we" | "they", wishes: Wishes): Promise<void> {
    begun = readFileSync(pair().swan.log, "utf8").length;
    const { tunnel, swan } = LARGE;
    await pair().connect(initiator, { ...wishes, tunnel, swan: { ...swan, ...wishes.swan } });
  }

  async function expectTraffic(): Promise<void> {
    for (const result of await pair().pings()) expect(result.received, result.output).toBe(result.sent);
  }

  it.each([
    ["we", "ipv4"],
    ["they", "ipv4"],
    ["we", "ipv6"],
    ["they", "ipv6"],
  ] as const)("go both ways when %s begin over %s", async (initiator, outer) => {
    await connect(initiator, { outer });
    await expectTraffic();
    const spi = async () => (await pair().tunnel()).children[0]!.spiIn;
    const first = await spi();
    await pair().edge.rekey(TUNNEL, "child");
    await eventually("our rekey", async () => (await spi()) !== first);
    const second = await spi();
    await pair().swan.rekeyChild(TUNNEL);
    await eventually("their rekey", async () => (await spi()) !== second);
    await expectTraffic();
    // IKE_AUTH and two rekeys: strongSwan has cut three messages of its own, and put three of ours together.
    const cut = matches(/splitting IKE message \((\d+) bytes\) into (\d+) fragments/g);
    expect(cut.length).toBeGreaterThanOrEqual(3);
    expect(cut.every((match) => Number(match[2]) >= 3)).toBe(true);
    expect(matches(/reassembled fragmented IKE message/g).length).toBeGreaterThanOrEqual(3);
    const sizes = received();
    const [most, least] = outer === "ipv4" ? [1280 - 32, THEIRS - 28 - 4] : [1280 - 52, THEIRS - 48 - 4];
    expect(Math.max(...sizes)).toBeLessThanOrEqual(most);
    expect(sizes.filter((bytes) => bytes > least - 8).length).toBeGreaterThan(3);
    const { ike } = await pair().edge.status();
    expect(ike.malformed + ike.integrity + ike["invalid-syntax"] + ike["fragments-lost"]).toBe(0);
  });

  it.each(["we", "they"] as const)(
    "get smaller when %s begin on a path that swallows more than 600 bytes",
    async (initiator) => {
      const nft = (...rule: string[]) =>
        Promise.all(["edge", "swan"].map((place) => run(inside(pair().ns(place), ["nft", ...rule]))));
      await nft("add table inet narrow; add chain inet narrow in { type filter hook prerouting priority 0; }");
      await nft("add rule inet narrow in udp dport { 500, 4500 } meta length > 600 drop");
      try {
        await connect(initiator, {});
        await expectTraffic();
        expect(Math.max(...received())).toBeLessThanOrEqual(576 - 32);
        expect((await pair().tunnel()).state).toBe("up");
      } finally {
        await nft("delete table inet narrow");
      }
    },
  );

  it("are not sent to a strongSwan that takes none", async () => {
    await connect("we", { swan: { fragmentation: false } });
    await expectTraffic();
    expect(Math.max(...received())).toBeGreaterThan(1_500);
    expect(matches(/received fragment #|splitting IKE message/g).map(String)).toEqual([]);
  });

  it("leave it open whether strongSwan is behind a NAT: it asks for ESP in UDP", async () => {
    await connect("they", {});
    expect((await pair().tunnel()).nat).toEqual({ local: false, remote: null });
  });
});
