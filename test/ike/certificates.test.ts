import { describe, expect, it } from "vitest";
import type { KeyName } from "./authority.ts";
import { A, B, certified, credentials, give, holders, refusedAt, root, started } from "./certified.ts";
import { exchange, isFragment, isResponse } from "./large.ts";
import { fqdn, saysNothingSecret, secret, sites, talks } from "./peers.ts";

const AUTH_EXCHANGE = 35;

const INIT_EXCHANGE = 34;

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
    give(both.a, credentials(holders.a));
    give(both.b, credentials(holders.b));
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
