/** Certificates that prove nothing, and identities that are to be proved in another way. */
import { describe, expect, it } from "vitest";
import { DAY, Holder, type Wishes } from "./authority.ts";
import { A, B, certificate, certified, credentials, give, holders, refusedAt, root, started } from "./certified.ts";
import { fqdn, secret, talks } from "./peers.ts";

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
    const wrong = { ...credentials(holders.a), key: holders.b.key };
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
    give(both.a, credentials(holders.a));
    both.network.run(2_000);
    expect(talks(both)).toBe(true);
  });

  it("need credentials: a responder without refuses", () => {
    const both = started({ theirs: undefined });
    expect(refusedAt(both, "b")).toContain("No authority is trusted here");
  });
});
