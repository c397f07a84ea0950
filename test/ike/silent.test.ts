/** A peer that does not answer: told early, long before it counts as dead; and one that has forgotten us is not waited for as long. */
import { describe, expect, it } from "vitest";
import { established, talks } from "./peers.ts";

/** Changes of silence that `a` reported, in order. */
function reports(both: ReturnType<typeof established>): boolean[] {
  const found: boolean[] = [];
  const { datapath } = both.a;
  const apply = datapath.apply.bind(datapath);
  datapath.apply = (effect) => {
    if (effect.kind === "silent") found.push(effect.silent);
    apply(effect);
  };
  return found;
}

describe("a silent peer", () => {
  it("is told after 3.5 s of asking, and again when it is heard", () => {
    const both = established();
    const found = reports(both);
    let through = false;
    both.network.watch = () => through;
    both.network.run(31_000);
    expect(found).toEqual([]);
    both.network.run(4_000);
    expect(found).toEqual([true]);
    expect(both.a.ike.status()[0].state).toBe("up");
    through = true;
    both.network.run(9_000);
    expect(found).toEqual([true, false]);
    expect(talks(both)).toBe(true);
  });

  it("is not told where its ESP packets come in", () => {
    const both = established();
    const found = reports(both);
    both.network.watch = () => false;
    for (let i = 0; i < 45; i++) {
      both.network.run(1_000);
      both.a.do((ike, now) => ike.alive("b", now));
    }
    expect(found).toEqual([]);
  });

  it("that has started anew and says so, but cannot prove it, is asked again within seconds, and the tunnel is back", () => {
    const both = established({ tokenless: ["b"] });
    const { a, b, network, configB } = both;
    b.crash();
    b.do((ike, now) => ike.add(configB, now));
    network.run(30_000 + 12_000);
    expect(a.codes()).toContain("peer-dead");
    expect(talks(both)).toBe(true);
  });
});
