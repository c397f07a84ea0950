/** RFC 5280 §6 as far as a gateway needs it, and RFC 4945 §5.1.3. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Certificate, readCertificate } from "../../../src/ike/certificate/certificate.ts";
import { mistrust } from "../../../src/ike/certificate/path.ts";
import { Trust } from "../../../src/ike/certificate/trust.ts";
import { DAY, EPOCH, Holder, type KeyName, KeyUsageFlags, strangeExtension, type Wishes } from "../../ike/authority.ts";

const NAME = "edge.vcpe.test";
let root: Holder;

beforeAll(async () => {
  root = await Holder.root("Root");
});

const read = (...holders: Holder[]): Certificate[] => holders.map(({ der }) => readCertificate(der));

function judge(
  leaf: Holder,
  intermediates: readonly Holder[] = [],
  { anchors = [root], now = 0, name = NAME }: { anchors?: readonly Holder[]; now?: number; name?: string } = {},
): string | undefined {
  const [end] = read(leaf);
  return mistrust({
    leaf: end!,
    intermediates: read(...intermediates),
    anchors: read(...anchors),
    name,
    now: EPOCH + now,
  });
}

describe("a certificate under the trusted authority", () => {
  it.each(["ed25519", "p256", "p384", "rsa"] as KeyName[])("is good with a key of %s, of either", async (key) => {
    const authority = await Holder.root("Another", { key });
    expect(judge(await authority.issue(NAME, { key }), [], { anchors: [root, authority] })).toBeUndefined();
  });

  it.each<[string, Wishes]>([
    ["without key usage", { usage: null }],
    ["without basic constraints", { authority: null }],
    ["with an extension that is not critical", { more: [strangeExtension(false)] }],
    ["for any purpose", { purposes: ["2.5.29.37.0"] }],
    ["for ipsecIKE", { purposes: ["1.3.6.1.5.5.7.3.17"] }],
    ["for server authentication", { purposes: ["1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.1"] }],
    ["with the name among others, in capitals", { dns: ["other.test", "EDGE.vcpe.TEST"] }],
    ["up to its last millisecond", { until: 0 }],
    ["from its first millisecond on", { from: 0 }],
  ])("is good %s", async (_, wishes) => {
    expect(judge(await root.issue(NAME, wishes))).toBeUndefined();
  });

  it.each<[string, Wishes, string]>([
    ["that has expired", { until: -1_000 }, "(CN=edge.vcpe.test) has expired at 2025-12-31 23:59:59 UTC. Renew it"],
    ["that is not valid yet", { from: DAY }, "is not valid before 2026-01-02 00:00:00 UTC. Check the clocks"],
    ["that may not sign", { usage: KeyUsageFlags.keyAgreement }, "its key usage lacks digitalSignature"],
    ["with a critical extension", { more: [strangeExtension(true)] }, "critical extension 1.3.6.1.4.1.99999.1"],
    ["with critical policies", { more: [strangeExtension(true, "2.5.29.36")] }, "critical extension 2.5.29.36"],
    ["for code signing", { purposes: ["1.3.6.1.5.5.7.3.3"] }, "its extended key usage has 1.3.6.1.5.5.7.3.3 only"],
    ["without a name", { dns: [] }, "bears no dNSName instead of edge.vcpe.test"],
    ["with others", { dns: ["a.test", "b.test"] }, "bears the names a.test, b.test instead of edge.vcpe.test"],
    ["with a wildcard", { dns: ["*.vcpe.test"] }, "bears the names *.vcpe.test instead of edge.vcpe.test"],
    ["signed with SHA-1", { hash: "SHA-1" }, "is signed with"],
  ])("is refused %s", async (_, wishes, sentence) => {
    const issuer = wishes.hash === undefined ? root : await Holder.root("Root", { key: "p256" });
    const fault = judge(await issuer.issue(NAME, wishes), [], { anchors: [issuer] });
    expect(fault).toContain(sentence);
  });

  it("is refused when it is a subject's name only, though the common name fits", async () => {
    expect(judge(await root.issue(NAME, { dns: ["other.test"] }))).toContain("bears the names other.test");
  });
});

describe("an issuer that is not trusted", () => {
  it("is named, with those that are", async () => {
    const other = await Holder.root("Mallory");
    const fault = judge(await other.issue(NAME));
    expect(fault).toContain("(CN=edge.vcpe.test) is not issued by a trusted authority");
    expect(fault).toContain("the issuer is CN=Mallory, trusted here: CN=Root");
  });

  it("is found out under the name of a trusted one", async () => {
    const other = await Holder.root("Root");
    const fault = judge(await other.issue(NAME));
    expect(fault).toContain("bears the name of the issuer CN=Root but not its signature");
    // The authority's key was replaced: both are trusted, under one name.
    expect(judge(await other.issue(NAME), [], { anchors: [root, other] })).toBeUndefined();
  });

  it("does not become trusted by being sent along", async () => {
    const other = await Holder.root("Mallory");
    expect(judge(await other.issue(NAME), [other])).toContain("not issued by a trusted authority");
    expect(judge(other, [other], { name: "x" })).toContain("not issued by a trusted authority");
  });

  it("is an end entity of the trusted authority", async () => {
    const edge = await root.issue("other.test");
    const fault = judge(await edge.issue(NAME), [edge]);
    expect(fault).toContain("The authority CN=other.test above its certificate may issue none: it is no certification");
  });
});

describe("authorities between", () => {
  it("lead to the trusted one, in any order, with others beside them", async () => {
    const one = await root.authority("One", { key: "p384" });
    const two = await one.authority("Two", { key: "rsa" });
    const beside = await (await Holder.root("Elsewhere")).authority("One");
    const leaf = await two.issue(NAME, { key: "p256" });
    expect(judge(leaf, [two, beside, one])).toBeUndefined();
    expect(judge(leaf, [beside, two])).toContain("not issued by a trusted authority");
    expect(judge(leaf, [])).toContain("the issuer is CN=Two");
  });

  it.each<[string, Wishes, string]>([
    ["that has expired", { until: -1_000 }, "The authority CN=One above its certificate has expired"],
    ["that is no authority", { authority: false }, "it is no certification authority"],
    ["without basic constraints", { authority: null }, "it is no certification authority"],
    ["that may not issue", { usage: KeyUsageFlags.cRLSign }, "its key usage lacks keyCertSign"],
    ["with a critical extension", { more: [strangeExtension(true, "2.5.29.30")] }, "critical extension 2.5.29.30"],
    ["with a key that is too short", { key: "rsa1024" }, "has a key of a kind that is not used here"],
    ["with a key of another kind", { key: "p521" }, "has a key of a kind that is not used here"],
  ])("are refused %s", async (_, wishes, sentence) => {
    const one = await root.authority("One", wishes);
    expect(judge(await one.issue(NAME), [one])).toContain(sentence);
  });

  it("are no more than the authority above allows", async () => {
    const narrow = await Holder.root("Narrow", { pathLength: 1 });
    const one = await narrow.authority("One");
    const two = await one.authority("Two");
    const anchors = [narrow];
    expect(judge(await one.issue(NAME), [one], { anchors })).toBeUndefined();
    const fault = judge(await two.issue(NAME), [one, two], { anchors });
    expect(fault).toContain("The trusted authority CN=Narrow of its certificate allows 1 authorities below it");
    // Self-issued ones do not count: the same name with a new key.
    const renewed = await one.authority("One");
    expect(judge(await renewed.issue(NAME), [one, renewed], { anchors })).toBeUndefined();
  });

  it("are no more than four", async () => {
    const chain = [root];
    for (const name of ["One", "Two", "Three", "Four", "Five"])
      chain.push(await chain[chain.length - 1]!.authority(name));
    expect(judge(await chain[4]!.issue(NAME), chain.slice(1))).toBeUndefined();
    expect(judge(await chain[5]!.issue(NAME), chain.slice(1))).toContain("not issued by a trusted authority");
  });

  it("cost little, however many there are of one name", async () => {
    const chain = [await (await Holder.root("Loop")).authority("Loop")];
    for (let i = 0; i < 7; i++) chain.push(await chain[i]!.authority("Loop"));
    const leaf = await chain[7]!.issue(NAME);
    // Time of a CPU, whoever else wants one.
    const begun = process.cpuUsage();
    expect(judge(leaf, chain)).toContain("not issued by a trusted authority");
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(500);
  });

  it("may not have expired above either", async () => {
    const old = await Holder.root("Old", { until: -1_000 });
    const fault = judge(await old.issue(NAME), [], { anchors: [old] });
    expect(fault).toContain("The trusted authority CN=Old of its certificate has expired at");
  });
});

describe("what should be a certificate", () => {
  it("is refused when it is none, is not DER, or is too long", async () => {
    const { der } = await root.issue(NAME);
    const pem = Buffer.from(
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString("base64")}\n-----END CERTIFICATE-----\n`,
    );
    const refused = expect.objectContaining({ name: "CertificateError" });
    for (const bytes of [new Uint8Array(0), pem, Buffer.concat([der, Uint8Array.of(0)]), der.subarray(0, -1)]) {
      expect(() => readCertificate(bytes)).toThrow(refused);
    }
    expect(() => readCertificate(new Uint8Array(8_193))).toThrow(expect.objectContaining({ code: "limit" }));
  });

  it("is refused or read, never more, with any bit changed", async () => {
    const { der } = await root.issue(NAME);
    const anchors = read(root);
    for (let bit = 0; bit < der.length * 8; bit += 13) {
      const changed = der.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      let leaf: Certificate;
      try {
        leaf = readCertificate(changed);
      } catch (error) {
        expect(error).toMatchObject({ name: "CertificateError" });
        continue;
      }
      expect(mistrust({ leaf, intermediates: [], anchors, name: NAME, now: EPOCH }), `bit ${bit}`).toBeDefined();
    }
  });

  it.each(["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37"])(
    "is refused when its extension %s cannot be read: no restriction is lost",
    async (oid) => {
      for (const critical of [true, false]) {
        const bare = { usage: null, authority: null, dns: [], more: [strangeExtension(critical, oid)] } as const;
        const { der } = await root.issue(NAME, bare);
        expect(() => readCertificate(der)).toThrow(expect.objectContaining({ name: "CertificateError" }));
      }
    },
  );

  it("is refused when an extension comes twice", async () => {
    const { der } = await root.issue(NAME, { more: [strangeExtension(false), strangeExtension(false)] });
    expect(() => readCertificate(der)).toThrow(expect.objectContaining({ name: "CertificateError" }));
  });

  it("shows nothing in a log that could forge a line of it", async () => {
    const [certificate] = read(await root.issue("evil\n2026 all is well\u202e"));
    expect(certificate!.subject).toMatch(/^[\x20-\x7e]+$/);
  });

  it("is no trust anchor unless it is an authority's", async () => {
    expect(() => new Trust([root.der])).not.toThrow();
    const { der } = await root.issue(NAME);
    expect(() => new Trust([root.der, der])).toThrow("CN=edge.vcpe.test is no certification authority");
    expect(() => new Trust([])).toThrow("0 trusted authorities");
  });
});
