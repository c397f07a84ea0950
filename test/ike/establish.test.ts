import { describe, expect, it } from "vitest";
import { v6 } from "./network.ts";
import { child, established, net, sites, talks } from "./peers.ts";

const CIPHERS = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"] as const;
const PRFS = ["sha256", "sha384", "sha512"];
const GROUPS = ["x25519", "ecp256", "ecp384"];
const SUITES = CIPHERS.flatMap((cipher) => PRFS.flatMap((prf) => GROUPS.map((group) => `${cipher}-${prf}-${group}`)));

describe("establishing an IKE SA and its first Child SA", () => {
  it.each(SUITES.flatMap((suite) => CIPHERS.map((cipher) => [suite, cipher] as const)))(
    "%s with ESP %s",
    (suite, cipher) => {
      const config = { ikeProposals: [suite], children: [child("net", { espProposals: [cipher] })] };
      const both = established({ a: config, b: config });
      const { a, b } = both;
      expect(talks(both)).toBe(true);
      const [atA] = a.ike.status();
      const [atB] = b.ike.status();
      expect(atA.state).toBe("up");
      expect(atB.state).toBe("up");
      expect(atA.ike!.suite).toBe(suite);
      expect(atB.ike!.suite).toBe(suite);
      expect(atA.ike!.spiLocal).toBe(atB.ike!.spiRemote);
      expect(atA.children).toHaveLength(1);
      expect(atA.children[0]).toMatchObject({ name: "net", cipher, esn: true, rekeys: 0 });
      expect(atA.children[0].spiIn).toBe(atB.children[0].spiOut);
      expect(atB.children[0].spiIn).toBe(atA.children[0].spiOut);
    },
  );

  it("uses IPv6 outside as well", () => {
    const both = established({ addressA: v6("2001:db8::1"), addressB: v6("2001:db8::2") });
    expect(talks(both)).toBe(true);
    expect(both.a.ike.status()[0].path!.remote.address).toEqual(v6("2001:db8::2"));
  });

  it("moves to the NAT port and measures the round trip", () => {
    const { a, b } = established();
    const [status] = a.ike.status();
    expect(status.path!.local.port).toBe(4500);
    expect(status.path!.remote.port).toBe(4500);
    expect(status.rttMs).toBe(10);
    expect(b.ike.status()[0].path!.remote.port).toBe(4500);
    // There is none, although both say so to have ESP in UDP.
    expect(status.nat).toEqual({ local: false, remote: false });
  });

  it("narrows the selectors to what both allow", () => {
    const both = established({
      a: { children: [child("net", { local: [net("10.1.0.0/16")], remote: [net("10.0.0.0/8")] })] },
      b: { children: [child("net", { local: [net("10.2.0.0/16"), net("fd00::/64")], remote: [net("10.1.7.0/24")] })] },
    });
    expect(talks(both)).toBe(true);
    const { local, remote } = both.a.ike.status()[0].children[0].selectors;
    expect(local).toEqual([net("10.1.7.0/24")]);
    expect(remote).toEqual([net("10.2.0.0/16")]);
    expect(both.b.ike.status()[0].children[0].selectors).toEqual({ local: remote, remote: local });
  });

  it("makes several Child SAs", () => {
    const config = (names: readonly string[], here: string, there: string) => ({
      children: names.map((name, i) =>
        child(name, { local: [net(`10.${here}.${i}.0/24`)], remote: [net(`10.${there}.${i}.0/24`)] }),
      ),
    });
    const names = ["one", "two", "three"];
    const both = established({ a: config(names, "1", "2"), b: config(names, "2", "1") });
    for (const name of names) expect(talks(both, name)).toBe(true);
  });

  it("does nothing before it is asked when it only responds", () => {
    const { a, b, network, configB } = sites();
    b.do((ike, now) => ike.add(configB, now));
    network.run(10_000);
    expect(b.sent).toBe(0);
    expect(a.ike.status()).toEqual([]);
    expect(b.ike.status()[0].state).toBe("down");
  });
});
