import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_OPTIONS, type IkeEnvironment } from "../../../src/ike/environment.ts";
import { Realm } from "../../../src/ike/realm.ts";
import { Reassembly } from "../../../src/ike/reassembly.ts";
import { SkOpener, SkSealer } from "../../../src/ike/suite/protect.ts";
import { ENCRYPTIONS } from "../../../src/ike/suite/transform.ts";
import { Timers } from "../../../src/ike/timers.ts";
import type { Payload } from "../../../src/ike/wire/chain.ts";
import type { FragmentPayload } from "../../../src/ike/wire/fragment.ts";
import { decodeMessage, type Message } from "../../../src/ike/wire/message.ts";
import { type Fragment, openFragment, sealFragments } from "../../../src/ike/wire/split.ts";

const ENVIRONMENT: IkeEnvironment = {
  random: (n) => new Uint8Array(n),
  reserveSpi: () => undefined,
  releaseSpi: () => undefined,
  localAddress: () => undefined,
  date: () => 0,
  ikePort: 500,
  natPort: 4500,
};

const cipher = ENCRYPTIONS.aes128gcm16;
const key = { key: new Uint8Array(16).fill(1), salt: new Uint8Array(4) };
const sealer = new SkSealer(cipher, key);
const opener = new SkOpener(cipher, key);

interface Piece {
  readonly bytes: Uint8Array;
  readonly message: Message;
  readonly wrapper: FragmentPayload;
  readonly fragment: Fragment;
}

/** Message `id`, whose content tells its id, in fragments of at most `size` bytes. */
function pieces(id: number, size: number, length = 2_000): Piece[] {
  const header = { spiI: 1n, spiR: 2n, exchange: 36, initiator: true, response: false, messageId: id };
  const payloads: Payload[] = [{ kind: "opaque", type: 47, body: new Uint8Array(length).fill(id) }];
  return sealFragments({ header, payloads }, sealer, size).map((bytes) => {
    const message = decodeMessage(bytes);
    const wrapper = message.wrapper as FragmentPayload;
    return { bytes, message, wrapper, fragment: openFragment(bytes, message, opener) };
  });
}

const body = (content: unknown) => (content as { payloads: { body: Uint8Array }[] }).payloads[0]!.body;

function gathering(limits: Partial<typeof DEFAULT_OPTIONS.fragment> = {}) {
  const realm = new Realm(ENVIRONMENT, { ...DEFAULT_OPTIONS, fragment: { ...DEFAULT_OPTIONS.fragment, ...limits } });
  realm.begin(0);
  const reassembly = new Reassembly(realm, new Timers(realm), "gather");
  /** As receive.ts does it. */
  const give = ({ message, wrapper, fragment, bytes }: Piece) =>
    reassembly.wants(message.header.messageId, wrapper) ? reassembly.add(message, fragment, bytes) : "unwanted";
  return { realm, reassembly, give };
}

describe("fragments of one message", () => {
  const [large, small] = [pieces(1, 1_248), pieces(1, 544)];

  it("give the message when the last one comes, in whatever order", () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { reassembly, give } = gathering();
      expect(give(large[order[0]!]!)).toBeUndefined();
      expect(reassembly.length).toBeGreaterThan(0);
      const found = give(large[order[1]!]!);
      expect(found).toMatchObject({ largest: 1_248 });
      expect(body((found as { content: unknown }).content)).toEqual(new Uint8Array(2_000).fill(1));
      expect(reassembly.length).toBe(0);
    }
  });

  it("give way to those of a set with more of them, never to one with fewer (RFC 7383 §2.6)", () => {
    const { give } = gathering();
    expect(give(large[0]!)).toBeUndefined();
    expect(give(large[0]!)).toBe("unwanted");
    expect(give(small[1]!)).toBeUndefined();
    expect(give(large[1]!)).toBe("unwanted");
    expect(give(small[1]!)).toBe("unwanted");
    for (const piece of [small[4]!, small[2]!, small[3]!]) expect(give(piece)).toBeUndefined();
    expect(give(small[0]!)).toMatchObject({ largest: 544 });
  });

  it("say nothing of the path when there is but one of them", () => {
    const [only] = pieces(1, 1_248, 100);
    const { give } = gathering();
    expect((give(only!) as { largest?: number }).largest).toBeUndefined();
  });

  it("are forgotten after a while without another one", () => {
    const { realm, reassembly, give } = gathering({ lifetime: 1_000 });
    const pass = (now: number) => {
      realm.begin(now);
      for (let alarm = realm.schedule.due(now); alarm !== undefined; alarm = realm.schedule.due(now)) alarm.run();
    };
    give(small[0]!);
    pass(900);
    give(small[1]!);
    pass(1_899);
    expect(reassembly.length).toBeGreaterThan(900);
    pass(1_900);
    expect(reassembly.length).toBe(0);
    expect(realm.counters.all()["fragments-lost"]).toBe(1);
    expect(realm.schedule.size).toBe(0);
  });

  it("are refused when they are too long together", () => {
    const { realm, reassembly, give } = gathering({ gather: 1_000 });
    give(small[0]!);
    give(small[1]!);
    expect(give(small[2]!)).toMatchObject({ content: { name: "WireError", code: "limit" } });
    expect(reassembly.length).toBe(0);
    expect(realm.schedule.size).toBe(0);
  });

  it("never mix with those of another set or message, and never grow beyond the limit", () => {
    const sizes = [200, 300, 544, 700, 1_248];
    const all = [1, 2].flatMap((id) => sizes.map((size) => pieces(id, size)));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(all.length - 1), fc.nat(30)), { maxLength: 200 }), (steps) => {
        const { realm, reassembly, give } = gathering({ gather: 2_100 });
        for (const [set, which] of steps) {
          const row = all[set]!;
          const piece = row[which % row.length]!;
          const found = give(piece);
          expect(reassembly.length).toBeLessThanOrEqual(2_100);
          expect(realm.schedule.size).toBeLessThanOrEqual(1);
          if (found === undefined || found === "unwanted") continue;
          expect(body(found.content)).toEqual(new Uint8Array(2_000).fill(piece.message.header.messageId));
          expect(reassembly.length).toBe(0);
        }
      }),
      { numRuns: 200, interruptAfterTimeLimit: 5_000 },
    );
  });
});
