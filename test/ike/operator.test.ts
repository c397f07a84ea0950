/** What the operator does to peers while they run, and what becomes of secrets then. */
import { describe, expect, it } from "vitest";
import { child, established, fqdn, sites, talks } from "./peers.ts";

describe("secrets", () => {
  it("wipes the keys of an effect when the next call begins, and asks to be called", () => {
    const both = sites();
    const { a, network } = both;
    both.start();
    network.run(19);
    expect(a.datapath.keys).toEqual([]);
    let keys: Uint8Array[] = [];
    network.run(5, () => {
      if (a.datapath.keys.length > 0 && keys.length === 0) {
        keys = [...a.datapath.keys];
        expect(keys.every((key) => key.some((byte) => byte !== 0))).toBe(true);
        expect(a.ike.next()).toBeLessThanOrEqual(network.now);
      }
    });
    expect(keys).toHaveLength(4);
    expect(keys.every((key) => key.every((byte) => byte === 0))).toBe(true);
  });

  it("leaves the operator's secret as it is", () => {
    const both = established();
    both.a.do((ike, now) => ike.remove("b", now));
    both.network.run(1_000);
    const { auth } = both.configA;
    expect(auth.kind === "psk" && auth.secret.some((byte) => byte !== 0)).toBe(true);
  });
});

describe("the operator's hand", () => {
  it("removes a peer: it is told, and nothing stays", () => {
    const { a, b, network } = established();
    const effects = a.do((ike, now) => ike.remove("b", now));
    expect(effects.map(({ kind }) => kind)).toContain("remove");
    expect(a.ike.status()).toEqual([]);
    expect(a.datapath.installed.size).toBe(0);
    network.run(60_000);
    expect(a.ike.sizes()).toMatchObject({ sas: 0, alarms: 0 });
    expect(b.ike.status()[0].state).toBe("down");
    expect(b.datapath.installed.size).toBe(0);
    expect(a.spis.size + b.spis.size).toBe(0);
    expect(a.forgotten).toEqual(["b"]);
  });

  it.each(Array.from({ length: 30 }, (_, i) => i))(
    "ends everything in order whenever it is asked to, moment %i",
    (moment) => {
      const both = sites({ seed: moment + 1 });
      const { a, b, network } = both;
      network.weather = { loss: 0, duplication: 0.1, delay: [1, 20] };
      both.start();
      network.run(moment < 15 ? moment * 4 : 3_000);
      if (moment >= 15) {
        if (moment % 3 !== 0) a.do((ike, now) => ike.rekeyIke("b", now));
        if (moment % 3 !== 1) b.do((ike, now) => ike.rekeyChild("a", undefined, now));
        if (moment % 2 === 0) b.do((ike, now) => ike.rekeyIke("a", now));
        network.run((moment - 15) * 4);
      }
      a.do((ike, now) => (moment % 2 === 0 ? ike.terminate("b", now) : ike.remove("b", now)));
      expect(a.datapath.installed.size).toBe(0);
      network.run(200_000);
      for (const host of [a, b]) {
        expect(host.ike.sizes()).toMatchObject({ sas: 0, alarms: 0 });
        expect(host.datapath.installed.size).toBe(0);
        expect(host.spis.size).toBe(0);
      }
    },
  );

  it("terminates a peer until it is wanted again", () => {
    const both = established();
    const { a, network } = both;
    a.do((ike, now) => ike.terminate("b", now));
    network.run(120_000);
    expect(a.ike.status()[0].state).toBe("down");
    a.do((ike, now) => ike.initiate("b", now));
    network.run(1_000);
    expect(talks(both)).toBe(true);
  });

  it("brings up a peer that only waits when a packet wants it, and does not insist", () => {
    const both = sites({ a: { initiate: false } });
    const { a, network } = both;
    both.start();
    network.run(1_000);
    expect(a.sent).toBe(0);
    for (let i = 0; i < 100; i++) a.do((ike, now) => ike.initiate("b", now));
    network.run(1_000);
    expect(talks(both)).toBe(true);
    a.do((ike, now) => ike.terminate("b", now));
    network.run(120_000);
    expect(a.ike.status()[0].state).toBe("down");
  });

  it("changes lifetimes, DPD and names of a running peer without touching its SAs", () => {
    const both = established();
    const { a, network, configA } = both;
    const [before] = a.ike.status();
    const kinds: string[] = [];
    const lifetime = { ms: 60_000, jitter: 0 };
    const changed = { ...configA, dpd: 5_000, children: [child("net", { lifetime })] };
    for (const effect of a.do((ike, now) => ike.replace(changed, now))) kinds.push(effect.kind);
    expect(kinds).toEqual([]);
    const [after] = a.ike.status();
    expect(after.ike).toEqual(before.ike);
    expect(after.children).toEqual(before.children);
    network.run(62_000);
    expect(a.ike.status()[0].children[0].rekeys).toBe(1);
    expect(talks(both)).toBe(true);
  });

  it("makes a changed child anew under the same IKE SA", () => {
    const both = established();
    const { a, b, network, configA, configB } = both;
    const [before] = a.ike.status();
    const children = [child("net", { espProposals: ["aes128gcm16"] })];
    b.do((ike, now) => ike.replace({ ...configB, children }, now));
    a.do((ike, now) => ike.replace({ ...configA, children }, now));
    network.run(30_000);
    const [after] = a.ike.status();
    expect(after.ike!.spiLocal).toBe(before.ike!.spiLocal);
    expect(after.children).toHaveLength(1);
    expect(after.children[0].cipher).toBe("aes128gcm16");
    expect(talks(both)).toBe(true);
  });

  it("begins anew when an identity or the secret changes", () => {
    const both = established();
    const { a, b, network, configA, configB } = both;
    const [before] = a.ike.status();
    b.do((ike, now) => ike.replace({ ...configB, remoteId: fqdn("a2.vcpe.test") }, now));
    a.do((ike, now) => ike.replace({ ...configA, localId: fqdn("a2.vcpe.test") }, now));
    expect([...a.forgotten, ...b.forgotten]).toEqual([]);
    network.run(20_000);
    expect(a.ike.status()[0].ike!.spiLocal).not.toBe(before.ike!.spiLocal);
    expect(talks(both)).toBe(true);
    expect(a.ike.sizes().sas).toBe(1);
  });

  it("ends what could not be rekeyed, and makes it anew", () => {
    const life = { ikeLifetime: { ms: 100_000, jitter: 0 } };
    const both = established({ a: life });
    const { a, network } = both;
    // Rekeying of the IKE SA never gets through.
    network.watch = ({ bytes }) => bytes[18] !== 36;
    network.run(400_000);
    network.watch = undefined;
    network.run(100_000);
    expect(talks(both)).toBe(true);
    expect(a.codes()).toContain("ike-expired");
    expect(a.codes().filter((code) => code === "ike-up").length).toBeGreaterThan(1);
  });
});
