/** Ten thousand peers: a message costs the same as with ten. */
import { beforeAll, describe, expect, it } from "vitest";
import type { PeerConfig } from "../../src/ike/peer.ts";
import { Holder } from "./authority.ts";
import { v4 } from "./network.ts";
import { fqdn, secret, sites } from "./peers.ts";

const A = "a.vcpe.test";
let root: Holder;
let holders: Holder[];

beforeAll(async () => {
  root = await Holder.root("Root");
  holders = [await root.issue(A), await root.issue("b.vcpe.test")];
});

/** b knows `count` others besides a, each with a certificate of its own name. */
function gateway(count: number) {
  const both = sites({
    a: { auth: { kind: "certificate", peer: "b.vcpe.test" } },
    b: { auth: { kind: "certificate", peer: A } },
  });
  for (const [i, host] of [both.a, both.b].entries()) {
    const { der, key } = holders[i]!;
    host.do((ike, now) => ike.credentials({ chain: [der], key, trust: [root.der] }, now));
  }
  const other = (i: number): PeerConfig => ({
    ...both.configB,
    name: `other-${i}`,
    remoteId: fqdn(`other-${i}.vcpe.test`),
    auth: { kind: "certificate", peer: `other-${i}.vcpe.test` },
  });
  for (let i = 0; i < count; i++) both.b.do((ike, now) => ike.add(other(i), now));
  return { ...both, other };
}

describe("a gateway of ten thousand peers", () => {
  it("looks at none but the one that calls", () => {
    const reads = { small: 0, large: 0 };
    for (const [size, count] of [
      ["small", 10],
      ["large", 10_000],
    ] as const) {
      const both = gateway(count);
      // Every look at a peer's configuration reads what it answers for: count those of the others.
      const counted = both.other(count);
      Object.defineProperty(counted, "from", {
        get: () => {
          reads[size] += 1;
          return undefined;
        },
      });
      both.b.do((ike, now) => ike.add(counted, now));
      const before = reads[size];
      both.start();
      both.network.run(2_000);
      expect(
        both.b.ike
          .status()
          .filter(({ state }) => state === "up")
          .map(({ name }) => name),
      ).toEqual(["a"]);
      reads[size] -= before;
    }
    expect(reads).toEqual({ small: 0, large: 0 });
  });

  it("forgets what was removed and finds what was changed", () => {
    const both = gateway(1_000);
    const { a, b, network, configA, configB } = both;
    both.start();
    network.run(2_000);
    const up = () => b.ike.status().some(({ name, state }) => name === "a" && state === "up");
    expect(up()).toBe(true);

    b.do((ike, now) => ike.replace({ ...configB, remoteId: fqdn("renamed.vcpe.test") }, now));
    network.run(5_000);
    expect(up()).toBe(false);
    expect(b.codes()).toContain("unknown-peer");
    a.do((ike, now) => ike.replace({ ...configA, localId: fqdn("Renamed.VCPE.test") }, now));
    network.run(5_000);
    expect(up()).toBe(true);

    // Changed under a running IKE SA: from where it may come.
    const renamed = { ...configB, remoteId: fqdn("renamed.vcpe.test") };
    b.do((ike, now) => ike.replace({ ...renamed, from: [v4("203.0.113.77")] }, now));
    network.run(10_000);
    expect(up()).toBe(false);
    b.do((ike, now) => ike.replace({ ...renamed, from: [v4("192.0.2.1")] }, now));
    network.run(80_000);
    expect(up()).toBe(true);

    b.do((ike, now) => ike.remove("a", now));
    network.run(30_000);
    expect(b.ike.status()).toHaveLength(1_000);
    expect(a.ike.status()[0]!.state).not.toBe("up");
    b.do((ike, now) => ike.add(renamed, now));
    network.run(80_000);
    expect(up()).toBe(true);
  });

  it("knows strangers' addresses at once when every peer has one", () => {
    const both = sites({ b: { from: [v4("203.0.113.7")] } });
    both.start();
    both.network.run(2_000);
    expect(both.b.ike.counters()["unknown-peer"]).toBeGreaterThanOrEqual(1);
    expect(both.b.ike.sizes().sas).toBe(0);
    both.b.do((ike, now) => ike.replace({ ...both.configB, from: [v4("203.0.113.7"), v4("192.0.2.1")] }, now));
    both.network.run(30_000);
    expect(both.b.ike.status()[0]!.state).toBe("up");
  });

  it("offers what a peer at its own address accepts before what others do", () => {
    const proposal = "aes256gcm16-sha384-ecp384";
    const both = sites({
      a: { ikeProposals: ["chacha20poly1305-sha256-x25519", proposal] },
      b: { ikeProposals: [proposal], remote: { address: v4("192.0.2.1") } },
    });
    both.b.do((ike, now) =>
      ike.add(
        {
          ...both.configB,
          name: "other",
          remoteId: fqdn("o.test"),
          remote: undefined,
          ikeProposals: ["chacha20poly1305-sha256-x25519"],
          auth: secret("another"),
        } as PeerConfig,
        now,
      ),
    );
    both.start();
    both.network.run(3_000);
    expect(both.b.ike.status().find(({ name }) => name === "a")).toMatchObject({
      state: "up",
      ike: { suite: proposal },
    });
  });
});
