/** What a peer with certificates is not believed: changed proofs, weaker methods, messages changed on the way. */
import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { IkeSa } from "../../src/ike/sa.ts";
import { IkeInit } from "../../src/ike/task/ike-init.ts";
import { EXCHANGE, NOTIFY, type Payload } from "../../src/ike/wire/index.ts";
import { Holder } from "./authority.ts";
import { type Sites, sites, talks } from "./peers.ts";

const A = "a.vcpe.test";
const B = "b.vcpe.test";

let root: Holder;
let holders: Readonly<Record<"a" | "b", Holder>>;
let stranger: Holder;

beforeAll(async () => {
  root = await Holder.root("Root");
  holders = { a: await root.issue(A), b: await root.issue(B) };
  stranger = await (await Holder.root("Mallory")).issue(A, { dns: [A, B] });
});

afterEach(() => vi.restoreAllMocks());

/** Both configured; nothing runs yet. */
function certified(seed = 7): Sites {
  const both = sites({
    seed,
    a: { auth: { kind: "certificate", peer: B } },
    b: { auth: { kind: "certificate", peer: A } },
  });
  for (const side of ["a", "b"] as const) {
    const { der, key } = holders[side];
    both[side].do((ike, now) => ike.credentials({ chain: [der], key, trust: [root.der] }, now));
  }
  return both;
}

/** What one side puts into IKE_AUTH becomes something else before it is encrypted: a peer that does as it likes. */
function forge(initiator: boolean, change: (payloads: readonly Payload[]) => readonly Payload[], seed = 7): Sites {
  const { seal } = IkeSa.prototype;
  vi.spyOn(IkeSa.prototype, "seal").mockImplementation(function (this: IkeSa, message, path) {
    const mine = message.header.exchange === EXCHANGE.IKE_AUTH && this.initiator === initiator;
    return seal.call(this, mine ? { ...message, payloads: change(message.payloads) } : message, path);
  });
  const both = certified(seed);
  both.start();
  both.network.run(3_000);
  return both;
}

/** The same payloads with those of one kind changed. */
function changed<K extends Payload["kind"]>(
  kind: K,
  change: (payload: Extract<Payload, { kind: K }>) => readonly Payload[],
): (payloads: readonly Payload[]) => readonly Payload[] {
  return (payloads) =>
    payloads.flatMap((payload) =>
      payload.kind === kind ? change(payload as Extract<Payload, { kind: K }>) : [payload],
    );
}

/** AUTH of this method, with this in place of the algorithm. */
const algorithm = (hex: string) =>
  changed("auth", ({ data, ...rest }) => {
    const name = Buffer.from(hex, "hex");
    return [{ ...rest, data: Uint8Array.from([name.length, ...name, ...data.subarray(1 + data[0]!)]) }];
  });

const FORGERIES: readonly (readonly [string, (payloads: readonly Payload[]) => readonly Payload[], string])[] = [
  [
    "a bit of the signature changed",
    changed("auth", ({ data, ...rest }) => [{ ...rest, data: data.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }]),
    "Its signature (Ed25519) is not made with the key of its certificate",
  ],
  ["the RSA signature of old (method 1)", changed("auth", (auth) => [{ ...auth, method: 1 }]), "RSA_SIGNATURE"],
  ["a pre-shared key's method", changed("auth", (auth) => [{ ...auth, method: 2 }]), "a pre-shared key where"],
  ["RFC 4754's ECDSA (method 9)", changed("auth", (auth) => [{ ...auth, method: 9 }]), "ECDSA_SHA256_P256"],
  ["NULL authentication (RFC 7619)", changed("auth", (auth) => [{ ...auth, method: 13 }]), "method NULL"],
  ["no certificate", changed("cert", () => []), "It sends no certificate"],
  ["a URL for a certificate", changed("cert", (cert) => [{ ...cert, encoding: 12 }]), "It sends no certificate"],
  ["bytes for a certificate", changed("cert", (cert) => [{ ...cert, data: cert.data.slice(1) }]), "is none"],
  [
    "a certificate more than it can serve",
    changed("cert", (cert) => Array.from({ length: 9 }, () => cert)),
    "It sends 9 certificates; the limit is 8",
  ],
  [
    "a stranger's certificate",
    changed("cert", (cert) => [{ ...cert, data: stranger.der }]),
    "is not issued by a trusted authority: the issuer is CN=Mallory",
  ],
  [
    "a stranger's certificate before its own",
    changed("cert", (cert) => [{ ...cert, data: stranger.der }, cert]),
    "is not issued by a trusted authority",
  ],
  [
    "the verifier's own certificate",
    changed("cert", (cert) => [{ ...cert, data: holders[cert.data.length > 0 && forgerIsInitiator ? "b" : "a"].der }]),
    "instead of",
  ],
  ["SHA-1 with RSA", algorithm("300d06092a864886f70d0101050500"), "an algorithm that is not accepted here (0x300d0609"],
  [
    "SHA-256 with RSA for its Ed25519 key",
    algorithm("300d06092a864886f70d01010b0500"),
    "(RSA with SHA256) is not made",
  ],
  ["an algorithm that nobody knows", algorithm("3003060141"), "an algorithm that is not accepted here (0x3003060141)"],
];

let forgerIsInitiator = true;

describe.each([
  ["initiator", true],
  ["responder", false],
] as const)("the %s is not believed with", (_, initiator) => {
  it.each(FORGERIES)("%s", (_, change, sentence) => {
    forgerIsInitiator = initiator;
    const both = forge(initiator, change);
    const { [initiator ? "b" : "a"]: judge } = both;
    expect(talks(both)).toBe(false);
    expect(judge.datapath.sending.size).toBe(0);
    expect(judge.ike.counters()["authentication-failed"]).toBeGreaterThanOrEqual(1);
    const said = judge.events.filter(({ code }) => code === "authentication-failed").map(({ message }) => message);
    expect(said[0]).toContain(sentence);
    expect(said[0]).toMatch(/\.$/);
    expect(judge.ike.status()[0]!.lastError).toContain(sentence);
  });

  it("any byte of its certificate or signature changed, cut off or added", () => {
    const damage = fc.record({
      kind: fc.constantFrom("cert" as const, "auth" as const),
      at: fc.nat(400),
      bits: fc.integer({ min: 1, max: 255 }),
      how: fc.constantFrom("change", "cut", "add"),
    });
    fc.assert(
      fc.property(damage, fc.integer(), ({ kind, at, bits, how }, seed) => {
        vi.restoreAllMocks();
        const spoil = (data: Uint8Array): Uint8Array => {
          const place = at % data.length;
          if (how === "change") return data.map((byte, i) => (i === place ? byte ^ bits : byte));
          if (how === "cut") return data.slice(0, place);
          return Uint8Array.from([...data.subarray(0, place), bits, ...data.subarray(place)]);
        };
        const both = forge(
          initiator,
          changed(kind, (payload) => [{ ...payload, data: spoil(payload.data) }]),
          seed,
        );
        expect(talks(both)).toBe(false);
      }),
      { numRuns: 40, interruptAfterTimeLimit: 1_500 },
    );
  });

  it("a signature of half a byte", () => {
    const both = forge(
      initiator,
      changed("auth", (auth) => [{ ...auth, data: auth.data.slice(0, 3) }]),
    );
    expect(talks(both)).toBe(false);
    expect(both[initiator ? "b" : "a"].ike.counters()["invalid-syntax"]).toBeGreaterThanOrEqual(1);
  });

  it("certificate and signature of an earlier handshake", () => {
    let earlier: readonly Payload[] = [];
    forge(initiator, (payloads) => {
      earlier = payloads.filter(({ kind }) => kind === "auth");
      return payloads;
    });
    vi.restoreAllMocks();
    expect(earlier).toHaveLength(1);
    const both = forge(
      initiator,
      changed("auth", () => earlier),
      8,
    );
    expect(talks(both)).toBe(false);
    const { events } = both[initiator ? "b" : "a"];
    expect(events.map(({ message }) => message).join()).toContain("is not made with the key of its certificate");
  });
});

describe("a peer that does not speak of digital signatures (RFC 7427 §4)", () => {
  it("is refused as initiator, though its proof were good", () => {
    const { request } = IkeInit.prototype;
    vi.spyOn(IkeInit.prototype, "request").mockImplementation(function (this: IkeInit, sa) {
      const hashes = NOTIFY.SIGNATURE_HASH_ALGORITHMS;
      return request.call(this, sa).filter((payload) => payload.kind !== "notify" || payload.notify !== hashes);
    });
    const both = certified();
    both.start();
    both.network.run(3_000);
    expect(talks(both)).toBe(false);
    const said = both.a.events.find(({ code }) => code === "authentication-failed");
    expect(said?.message).toContain("b.vcpe.test does not speak of digital signatures (RFC 7427)");
    expect(both.a.ike.status()[0]!.lastError).toBe(said?.message);
  });

  it("is made of one that does by somebody on the way, who gains nothing", () => {
    for (const response of [false, true]) {
      const both = certified();
      both.network.watch = ({ bytes }) => {
        const init = bytes[18] === EXCHANGE.IKE_SA_INIT && ((bytes[19]! & 0x20) !== 0) === response;
        const at = Buffer.from(bytes).indexOf(Buffer.from("402f", "hex"));
        // Another notify that nobody knows, of the same length.
        if (init && at > 0) bytes[at + 1] = 0xff;
        return true;
      };
      both.start();
      both.network.run(3_000);
      expect(talks(both)).toBe(false);
      for (const host of [both.a, both.b]) expect(host.datapath.sending.size).toBe(0);
    }
  });

  it("cannot be led to another hash: what it announced is signed", () => {
    const both = certified();
    both.network.watch = ({ bytes }) => {
      const at = Buffer.from(bytes).indexOf(Buffer.from("402f00020003", "hex"));
      if (bytes[18] === EXCHANGE.IKE_SA_INIT && at > 0) bytes[at + 3] = 1;
      return true;
    };
    both.start();
    both.network.run(3_000);
    expect(talks(both)).toBe(false);
    expect(both.b.events.map(({ message }) => message).join()).toContain("is not made with the key of its certificate");
  });

  it("is not believed when its list makes no sense", () => {
    const both = certified();
    both.network.watch = ({ bytes }) => {
      const at = Buffer.from(bytes).indexOf(Buffer.from("402f0002", "hex"));
      // One byte of the data becomes one of the SPI: the rest is odd.
      if (bytes[18] === EXCHANGE.IKE_SA_INIT && at > 0) bytes[at - 1] = 1;
      return true;
    };
    both.start();
    both.network.run(3_000);
    expect(both.b.ike.counters().malformed).toBeGreaterThanOrEqual(1);
    expect(both.a.ike.status()[0]!.state).toBe("connecting");
  });
});
