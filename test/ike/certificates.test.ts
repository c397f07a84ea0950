/** IKE_AUTH with certificates (RFC 7427, RFC 8420, RFC 4945), two peers in one process. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { CredentialsConfig } from "../../src/ike/endpoint.ts";
import type { PeerConfig } from "../../src/ike/peer.ts";
import { SCHEMES, SigningKey } from "../../src/ike/suite/index.ts";
import { DAY, Holder, type KeyName, type Wishes } from "./authority.ts";
import { exchange, isFragment, isResponse } from "./large.ts";
import type { Host } from "./network.ts";
import { fqdn, type Sites, type SitesOptions, saysNothingSecret, secret, sites, talks } from "./peers.ts";

const A = "a.vcpe.test";
const B = "b.vcpe.test";
const AUTH_EXCHANGE = 35;
const INIT_EXCHANGE = 34;

let root: Holder;
let holderA: Holder;
let holderB: Holder;

beforeAll(async () => {
  root = await Holder.root("Root");
  [holderA, holderB] = await Promise.all([root.issue(A), root.issue(B)]);
});

const credentials = (holder: Holder, between: readonly Holder[] = [], trust: readonly Holder[] = [root]) => ({
  chain: [holder, ...between].map(({ der }) => der),
  key: holder.key,
  trust: trust.map(({ der }) => der),
});

const certificate = (peer: string): PeerConfig["auth"] => ({ kind: "certificate", peer });

interface Certified extends SitesOptions {
  readonly ours?: CredentialsConfig | undefined;
  readonly theirs?: CredentialsConfig | undefined;
}

const give = (host: Host, config: CredentialsConfig | undefined) => host.do((ike, now) => ike.credentials(config, now));

/** Both sites with credentials; a (Root's a.vcpe.test) begins. */
function certified(options: Certified = {}): Sites {
  const both = sites({
    ...options,
    a: { auth: certificate(B), ...options.a },
    b: { auth: certificate(A), ...options.b },
  });
  give(both.a, "ours" in options ? options.ours : credentials(holderA));
  give(both.b, "theirs" in options ? options.theirs : credentials(holderB));
  return both;
}

function started(options: Certified = {}): Sites {
  const both = certified(options);
  both.start();
  both.network.run(3_000);
  return both;
}

/** Neither side believes; what the log of `side` says. */
function refusedAt(both: Sites, side: "a" | "b", code = "authentication-failed"): string {
  expect(talks(both)).toBe(false);
  for (const host of [both.a, both.b]) expect(host.datapath.sending.size).toBe(0);
  expect(both[side].ike.counters()["authentication-failed"]).toBeGreaterThanOrEqual(1);
  const event = both[side].events.find((one) => one.code === code);
  expect(both[side === "a" ? "b" : "a"].ike.status()[0]!.state).not.toBe("up");
  return event?.message ?? "";
}

describe("two peers with certificates", () => {
  const keys: readonly KeyName[] = ["ed25519", "p256", "p384", "rsa"];
  const pairs = keys.map((key, i) => [key, keys[(i + 1) % keys.length]!] as const);

  it.each([...keys.map((key) => [key, key] as const), ...pairs])("come up: %s and %s", async (keyA, keyB) => {
    const [a, b] = await Promise.all([root.issue(A, { key: keyA }), root.issue(B, { key: keyB })]);
    const both = started({ ours: credentials(a), theirs: credentials(b) });
    expect(talks(both)).toBe(true);
    const proven = both.b.ike.status()[0]!.ike!.proven;
    expect(proven).toMatchObject({ kind: "certificate", subject: `CN=${A}`, issuer: "CN=Root" });
    expect(both.a.ike.status()[0]!.ike!.proven).toMatchObject({ subject: `CN=${B}` });
    for (const host of [both.a, both.b]) {
      expect(host.events.filter(({ level }) => level !== "info")).toEqual([]);
      expect(
        saysNothingSecret(
          host,
          [a, b].map(({ key }) => Buffer.from(key).toString("base64")),
        ),
      ).toBe(true);
    }
    // How the peer has proved itself stays known when the IKE SA is rekeyed.
    both.a.do((ike, now) => ike.rekeyIke("b", now));
    both.network.run(2_000);
    expect(both.b.ike.status()[0]!.ike).toMatchObject({ rekeys: 1, proven });
    expect(talks(both)).toBe(true);
  });

  it("speak of it as RFC 7427 wants: hash algorithms and trusted authorities in IKE_SA_INIT, certificates in IKE_AUTH only", () => {
    const both = certified();
    const seen: Uint8Array[] = [];
    both.network.watch = ({ bytes }) => seen.push(bytes) > 0;
    both.start();
    both.network.run(1_000);
    const hashes = "402f0002000300040005";
    const inits = seen
      .filter((bytes) => bytes[18] === INIT_EXCHANGE)
      .map((bytes) => Buffer.from(bytes).toString("hex"));
    expect(inits).toHaveLength(2);
    for (const init of inits) expect(init).toContain(hashes);
    const open = Buffer.concat(seen).toString("latin1");
    for (const name of [A, B, "Root"]) expect(open).not.toContain(name);
  });

  it("do not speak of it where pre-shared keys are configured", () => {
    const both = sites();
    give(both.a, credentials(holderA));
    give(both.b, credentials(holderB));
    const seen: string[] = [];
    both.network.watch = ({ bytes }) => seen.push(Buffer.from(bytes).toString("hex")) > 0;
    both.start();
    both.network.run(2_000);
    expect(talks(both)).toBe(true);
    expect(seen.some((bytes) => bytes.includes("0000402f"))).toBe(false);
    expect(both.a.ike.status()[0]!.ike!.proven).toEqual({ kind: "psk" });
  });

  it("stand beside a peer with a pre-shared key, from anywhere", () => {
    const both = certified();
    const { b, network, configB } = both;
    const c = network.host("c", Uint8Array.of(203, 0, 113, 9));
    both.start();
    b.do((ike, now) =>
      ike.add({ ...configB, name: "c", remoteId: fqdn("c.vcpe.test"), auth: secret("the key of c and b") }, now),
    );
    c.do((ike, now) =>
      ike.add({ ...both.configA, localId: fqdn("c.vcpe.test"), auth: secret("the key of c and b") }, now),
    );
    network.run(3_000);
    expect(b.ike.status().map(({ state, ike }) => [state, ike?.proven.kind])).toEqual([
      ["up", "certificate"],
      ["up", "psk"],
    ]);
  });

  it("may have one certificate for several identities", () => {
    const both = started({ a: { localId: fqdn("tunnel-7.test") }, b: { remoteId: fqdn("tunnel-7.test") } });
    expect(talks(both)).toBe(true);
  });

  it("find each other through loss, doubles and disorder", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const both = certified({ seed });
      both.network.weather = { loss: 0.2, duplication: 0.2, delay: [1, 40] };
      both.start();
      both.network.run(60_000);
      expect(talks(both), `seed ${seed}`).toBe(true);
    }
  });
});

describe("authorities between", () => {
  it("are sent along, and so the trusted one is reached", async () => {
    const one = await root.authority("One");
    const two = await one.authority("Two", { key: "p384" });
    const [a, b] = await Promise.all([two.issue(A), one.issue(B)]);
    const ours = credentials(a, [two, one, root]);
    const both = started({ ours, theirs: credentials(b, [one]) });
    expect(talks(both)).toBe(true);
    // Without them the peer has nothing to go by.
    const lacking = started({ ours: credentials(a, [two]), theirs: credentials(b, [one]) });
    expect(refusedAt(lacking, "b")).toContain("is not issued by a trusted authority: the issuer is CN=Two");
  });

  it("are left out where the peer trusts them itself", async () => {
    const one = await root.authority("One");
    const [a, b] = await Promise.all([one.issue(A), one.issue(B)]);
    const sizes = [root, one].map((anchor) => {
      const both = certified({ ours: credentials(a, [one], [anchor]), theirs: credentials(b, [one], [anchor]) });
      let size = 0;
      both.network.watch = ({ bytes }) => {
        if (bytes[18] === AUTH_EXCHANGE) size += bytes.length;
        return true;
      };
      both.start();
      both.network.run(2_000);
      expect(talks(both)).toBe(true);
      return size;
    });
    expect(sizes[0]! - sizes[1]!).toBeGreaterThan(2 * one.der.length - 100);
  });

  it("may make messages of many fragments", async () => {
    const chain = [await root.authority("One", { key: "rsa" })];
    for (const name of ["Two", "Three", "Four"]) chain.unshift(await chain[0]!.authority(name, { key: "rsa" }));
    const names = Array.from({ length: 60 }, (_, i) => `name-${i}.of-this-gateway.vcpe.test`);
    const a = await chain[0]!.issue(A, { key: "rsa", dns: [...names, A] });
    const b = await chain[0]!.issue(B, { key: "rsa", dns: [...names, B] });
    const both = certified({ ours: credentials(a, chain), theirs: credentials(b, chain) });
    const fragments = { request: 0, response: 0 };
    both.network.weather = { loss: 0.1, duplication: 0.1, delay: [1, 30] };
    both.network.watch = (datagram) => {
      if (exchange(datagram) === AUTH_EXCHANGE && isFragment(datagram)) {
        fragments[isResponse(datagram) ? "response" : "request"] += 1;
        expect(datagram.bytes.length).toBeLessThanOrEqual(1_280 - 28);
      }
      return true;
    };
    both.start();
    both.network.run(60_000);
    expect(talks(both)).toBe(true);
    expect(fragments.request).toBeGreaterThanOrEqual(5);
    expect(fragments.response).toBeGreaterThanOrEqual(5);
  });
});

describe("a certificate that is not good", () => {
  const bad: readonly (readonly [string, string, Wishes, string])[] = [
    ["has expired", A, { until: -1_000 }, `(CN=${A}) has expired at 2025-12-31 23:59:59 UTC`],
    ["is not valid yet", A, { from: DAY }, "is not valid before 2026-01-02"],
    ["bears another name", "mallory.test", {}, `bears the names mallory.test instead of ${A}`],
    ["is weak", A, { key: "rsa1024" }, ""],
  ];

  it.each(bad)("is refused when the initiator's %s", async (_, name, wishes, sentence) => {
    const holder = await root.issue(name, wishes);
    if (wishes.key === "rsa1024") {
      const both = certified();
      expect(() => give(both.a, credentials(holder))).toThrow(expect.objectContaining({ code: "invalid-private-key" }));
      return;
    }
    const both = started({ ours: credentials(holder) });
    const text = refusedAt(both, "b");
    expect(text).toContain(`calls itself ${A} but could not prove it.`);
    expect(text).toContain(sentence);
    expect(both.b.ike.status()[0]!.lastError).toContain(sentence);
    expect(both.a.ike.status()[0]!.lastError).toContain("refuses our authentication as a.vcpe.test");
    expect(both.a.ike.status()[0]!.lastError).toContain("that it trusts the issuer of our certificate (CN=Root)");
  });

  it.each(bad.slice(0, 3))("is refused when the responder's %s", async (_, name, wishes, sentence) => {
    const holder = await root.issue(name === A ? B : name, wishes);
    const both = started({ theirs: credentials(holder) });
    const text = refusedAt(both, "a");
    expect(text).toContain(`${B} could not prove its identity.`);
    expect(text).toContain(sentence.replaceAll(A, B));
    // It is told, so nothing half-believed stays there.
    expect(both.b.ike.sizes().sas).toBe(0);
  });

  it("is refused from an authority that is not trusted, on either side", async () => {
    const other = await Holder.root("Mallory");
    const ours = credentials(await other.issue(A), [], [root, other]);
    const text = refusedAt(started({ ours }), "b");
    expect(text).toContain("the issuer is CN=Mallory, trusted here: CN=Root");
    const theirs = credentials(await other.issue(B), [], [root, other]);
    expect(refusedAt(started({ theirs }), "a")).toContain("the issuer is CN=Mallory");
  });

  it("is refused with another's private key", () => {
    const both = certified();
    const wrong = { ...credentials(holderA), key: holderB.key };
    expect(() => give(both.a, wrong)).toThrow("The private key is not the one of the certificate CN=a.vcpe.test");
    both.start();
    both.network.run(2_000);
    expect(talks(both)).toBe(true);
  });

  it("goes by the host's clock, which may be set while the router runs", () => {
    const both = certified();
    both.network.epoch = 0;
    both.start();
    both.network.run(3_000);
    expect(refusedAt(both, "b")).toContain("is not valid before 2025-12-31");
    both.network.epoch = Date.UTC(2026, 5, 1);
    both.network.run(60_000);
    expect(talks(both)).toBe(true);
  });
});

describe("the two ways to prove an identity", () => {
  it("do not mix: a pre-shared key where a certificate is configured", () => {
    const both = started({ a: { auth: secret("some key") } });
    expect(refusedAt(both, "b")).toContain("uses a pre-shared key where a certificate with a digital signature");
  });

  it("do not mix: a certificate where a pre-shared key is configured", () => {
    const both = started({ b: { auth: secret("some key") } });
    expect(refusedAt(both, "a")).toContain("does not speak of digital signatures (RFC 7427)");
  });

  it("do not mix: a certificate where only another peer has one", () => {
    const both = certified({ b: { auth: secret("some key") } });
    both.b.do((ike, now) =>
      ike.add({ ...both.configB, name: "c", remoteId: fqdn("c.test"), auth: certificate(A) }, now),
    );
    both.start();
    both.network.run(3_000);
    expect(refusedAt(both, "b")).toContain(
      "authentication method DIGITAL_SIGNATURE where a pre-shared key is configured",
    );
  });

  it("need credentials: an initiator without does not begin, and begins when it has some", () => {
    const both = certified({ ours: undefined });
    both.start();
    both.network.run(3_000);
    expect(both.a.sent).toBe(0);
    expect(both.a.codes()).toContain("no-credentials");
    give(both.a, credentials(holderA));
    both.network.run(2_000);
    expect(talks(both)).toBe(true);
  });

  it("need credentials: a responder without refuses", () => {
    const both = started({ theirs: undefined });
    expect(refusedAt(both, "b")).toContain("No authority is trusted here");
  });
});

describe("renewal", () => {
  it("touches nothing that is up, and counts from the next IKE_AUTH on", async () => {
    const both = started();
    const { a, b, network } = both;
    const before = a.ike.status()[0]!.ike!.spiLocal;
    const sent = a.sent + b.sent;
    const renewed = await root.issue(A, { until: 700 * DAY });
    give(a, credentials(renewed));
    expect(a.sent + b.sent).toBe(sent);
    expect(talks(both)).toBe(true);
    expect(a.ike.status()[0]!.ike!.spiLocal).toBe(before);
    a.do((ike, now) => ike.terminate("b", now));
    a.do((ike, now) => ike.initiate("b", now));
    network.run(3_000);
    expect(b.ike.status()[0]!.ike!.proven).toMatchObject({ notAfter: Date.UTC(2026, 0, 1) + 700 * DAY });
  });

  it("may come at any moment of a handshake", async () => {
    const renewed = [await root.issue(A, { key: "p256" }), await root.issue(B, { key: "rsa" })] as const;
    for (let at = 0; at <= 25; at++) {
      const both = certified();
      both.start();
      both.network.run(at);
      give(both.a, credentials(renewed[0]));
      give(both.b, credentials(renewed[1]));
      both.network.run(3_000);
      expect(talks(both), `${at} ms`).toBe(true);
    }
  });

  it("may change the trusted authorities: who is up stays up, who comes anew must be trusted", async () => {
    const both = started();
    const next = await Holder.root("Next");
    give(both.b, credentials(holderB, [], [next]));
    both.network.run(60_000);
    expect(talks(both)).toBe(true);
    both.b.do((ike, now) => ike.terminate("a", now));
    both.network.run(5_000);
    expect(refusedAt(both, "b")).toContain("trusted here: CN=Next");
    give(both.b, credentials(holderB, [], [next, root]));
    both.network.run(60_000);
    expect(talks(both)).toBe(true);
  });

  it("is refused whole when it is not good, and the former credentials stay", () => {
    const both = started();
    const good = credentials(holderA);
    for (const wrong of [
      { ...good, chain: [] },
      { ...good, chain: [Uint8Array.of(1, 2, 3)] },
      { ...good, key: Uint8Array.of(1, 2, 3) },
      { ...good, trust: [] },
      { ...good, trust: [holderB.der] },
    ]) {
      expect(() => give(both.a, wrong)).toThrow(expect.objectContaining({ code: expect.any(String) }));
    }
    both.a.do((ike, now) => ike.terminate("b", now));
    both.a.do((ike, now) => ike.initiate("b", now));
    both.network.run(3_000);
    expect(talks(both)).toBe(true);
  });

  it("wipes the former key, and only then", () => {
    const wiped = vi.spyOn(SigningKey.prototype, "wipe");
    const both = started();
    expect(wiped).not.toHaveBeenCalled();
    give(both.a, credentials(holderA));
    expect(wiped).toHaveBeenCalledTimes(1);
    const [former] = wiped.mock.contexts as SigningKey[];
    const [scheme] = SCHEMES;
    const signature = former!.sign(scheme!, Uint8Array.of(1));
    expect(signature).toEqual(ed25519.sign(Uint8Array.of(1), new Uint8Array(32)));
    give(both.a, undefined);
    expect(wiped).toHaveBeenCalledTimes(2);
    wiped.mockRestore();
  });

  it("leaves the operator's key as it is", () => {
    const ours = credentials(holderA);
    const before = Buffer.from(ours.key).toString("hex");
    const both = started({ ours });
    give(both.a, undefined);
    expect(Buffer.from(ours.key).toString("hex")).toBe(before);
    expect(talks(both)).toBe(true);
  });

  it("of a peer's expected name needs a new IKE SA", () => {
    const both = started();
    both.b.do((ike, now) => ike.replace({ ...both.configB, auth: certificate("somebody.else") }, now));
    both.network.run(3_000);
    expect(refusedAt(both, "b")).toContain(`bears the names ${A} instead of somebody.else`);
  });
});
