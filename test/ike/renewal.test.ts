/** Credentials that are replaced while IKE SAs are up. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { describe, expect, it, vi } from "vitest";
import { SCHEMES, SigningKey } from "../../src/ike/suite/index.ts";
import { DAY, Holder } from "./authority.ts";
import { A, B, certificate, certified, credentials, give, holders, refusedAt, root, started } from "./certified.ts";
import { talks } from "./peers.ts";

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
    give(both.b, credentials(holders.b, [], [next]));
    both.network.run(60_000);
    expect(talks(both)).toBe(true);
    both.b.do((ike, now) => ike.terminate("a", now));
    both.network.run(5_000);
    expect(refusedAt(both, "b")).toContain("trusted here: CN=Next");
    give(both.b, credentials(holders.b, [], [next, root]));
    both.network.run(60_000);
    expect(talks(both)).toBe(true);
  });

  it("is refused whole when it is not good, and the former credentials stay", () => {
    const both = started();
    const good = credentials(holders.a);
    for (const wrong of [
      { ...good, chain: [] },
      { ...good, chain: [Uint8Array.of(1, 2, 3)] },
      { ...good, key: Uint8Array.of(1, 2, 3) },
      { ...good, trust: [] },
      { ...good, trust: [holders.b.der] },
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
    give(both.a, credentials(holders.a));
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
    const ours = credentials(holders.a);
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
