import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Effect } from "../../../src/ike/effect.ts";
import { chosen, type Health } from "../../../src/router/preference.ts";
import { parse } from "./configuration.ts";
import { rig, until } from "./rig.ts";

const via = (...names: string[]) => ({
  kind: "tunnel" as const,
  name: names[0],
  ...(names.length > 1 ? { standby: names.slice(1).map((name) => ({ name })) } : {}),
});

describe("the tunnel that carries a prefix", () => {
  it("is the first that is up, else the first that may be, else the first of all", () => {
    const of = (...health: (Health | undefined)[]) => {
      const names = ["a", "b", "c"].slice(0, health.length);
      return chosen(via(...names), (name) => health[names.indexOf(name)]).name;
    };
    expect(of("up", "up")).toBe("a");
    expect(of("down", "up", "up")).toBe("b");
    expect(of("doubtful", "down", "up")).toBe("c");
    expect(of("doubtful", "down")).toBe("a");
    expect(of("down", "doubtful")).toBe("b");
    expect(of("down", undefined)).toBe("a");
    expect(of("down")).toBe("a");
  });

  it("never changes because of tunnels that are less preferred than one that is up", () => {
    const health = fc.constantFrom<Health>("up", "doubtful", "down");
    fc.assert(
      fc.property(
        fc.array(health, { minLength: 1, maxLength: 6 }),
        fc.array(health, { maxLength: 6 }),
        (some, more) => {
          const names = [...some, "up", ...more].map((_, i) => `t${i}`);
          const states = [...some, "up" as const, ...more];
          const one = chosen(via(...names), (name) => states[names.indexOf(name)]);
          expect(names.indexOf(one.name)).toBe(states.indexOf("up"));
        },
      ),
    );
  });
});

const FILE = `name: gw
vrfs: [{ name: corp, addresses: [10.255.0.100] }]
tunnels:
${["first", "second"]
  .map(
    (x, i) => `  - name: ${x}
    vrf: corp
    peer: { id: ${x}.test }
    local: { id: gw.test }
    auth: { psk: { env: PSK } }
    routes: [{ prefix: 10.1.0.0/24, preference: ${20 - 10 * i} }, 10.2.${i}.0/24]`,
  )
  .join("\n")}
`;

describe("two tunnels with one prefix", () => {
  it("are accepted with different preferences only", () => {
    expect(parse(FILE).config.tunnels.map(({ routes }) => routes[0].preference)).toEqual([20, 10]);
    expect(() => parse(FILE.replace("preference: 20", "preference: 10"))).toThrow(
      /10\.1\.0\.0\/24 belongs to tunnel "second" and to tunnel "first".*different preferences/,
    );
    expect(() => parse(FILE.replace("preference: 20", "preference: 256"))).toThrow(/none of the choices/);
  });

  it("take over from each other as Child SAs come, fall silent, and go; a rekey is no gap", async () => {
    process.env.PSK = "correct horse battery staple";
    const { opened, plane, turned } = await rig(FILE);
    try {
      const { fabric, keying } = opened.router;
      const [first, second] = ["first", "second"].map((name) => fabric.tunnel(name)!.adjacency);
      const carries = () => [...plane.routes].find(([key]) => key.endsWith(" 10.1.0.0/24"))?.[1];
      const ike = opened.router.parts.ike as { initiate: (name: string, now: number) => Effect[] };
      /** Effects as the core would ask for them. */
      const carry = (...effects: Effect[]) => {
        ike.initiate = () => effects;
        keying.initiate("first");
      };
      const install = (id: number, peer: string, replaces?: number): Effect[] => {
        const keys = {
          spi: 0x10000 + id,
          cipher: "chacha20poly1305",
          key: new Uint8Array(32),
          salt: new Uint8Array(4),
          esn: true,
        } as const;
        const end = { address: Uint8Array.of(192, 0, 2, id), port: 4500 };
        const child = { id, peer, child: "net", copy: 0, inbound: keys, outbound: keys, local: [], remote: [] };
        const path = { local: end, remote: end };
        return [{ kind: "install", transmit: true, child: { ...child, path, ...(replaces ? { replaces } : {}) } }];
      };
      /** As an agent tells the console; and who asked to be told again. */
      const said = () => {
        const tunnels = opened.observer.tunnels(["first", "second", "unknown"]);
        expect(tunnels).toEqual(opened.observer.observe().tunnels);
        return tunnels.map(({ carries, silent }) => `${carries}${silent ? " silent" : ""}`);
      };
      const told = () => turned.splice(0).map((tunnels) => tunnels.sort().join());
      expect(carries()).toBe(second);
      expect(said()).toEqual(["false", "false"]);
      carry(...install(1, "first"));
      expect(said()).toEqual(["true", "false"]);
      expect(told()).toEqual(["first,second"]);
      expect(carries()).toBe(first);
      expect(fabric.carrier("corp", "10.1.0.0/24")).toBe("first");
      carry(...install(2, "second"));
      expect(carries()).toBe(second);
      expect(said()).toEqual(["false", "true"]);
      expect(told()).toEqual(["first,second"]);
      const before = plane.calls.filter((call) => call === "setRoute").length;
      carry(...install(3, "second", 2), { kind: "remove", id: 2 });
      carry({ kind: "retire", id: 3 }, ...install(4, "second"), { kind: "remove", id: 3 });
      expect(plane.calls.filter((call) => call === "setRoute")).toHaveLength(before);
      expect(told()).toEqual([]);
      carry({ kind: "silent", peer: "second", silent: true });
      expect(said()).toEqual(["true", "false silent"]);
      expect(told()).toEqual(["first,second"]);
      expect(carries()).toBe(first);
      carry({ kind: "silent", peer: "second", silent: false });
      expect(carries()).toBe(second);
      carry({ kind: "remove", id: 4 });
      expect(carries()).toBe(first);
      carry({ kind: "remove", id: 1 });
      expect(carries()).toBe(second);
      expect(said()).toEqual(["false", "false"]);
      // A route of one tunnel only stays where it is.
      expect([...plane.routes].find(([key]) => key.endsWith(" 10.2.0.0/24"))?.[1]).toBe(first);
    } finally {
      await opened.close();
    }
    await until(() => plane.closed);
  });
});
