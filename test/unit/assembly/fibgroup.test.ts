import { expect, it } from "vitest";
import { VRF_ROOT4, VRF_STRIDE, VRFS } from "../../../assembly/layout.ts";
import { generated, sequence } from "../../../bench/path/routes.ts";
import { fibBed, parse } from "./fibbed.ts";

const GROUP = 16;

it("a group of lookups gives what each gives by itself, in trees of every shape", () => {
  const bed = fibBed(64 << 20, 4096);
  // No routes · a default route alone · one host · some · enough for a 16-bit root.
  bed.fib.set(1, parse("0.0.0.0/0"), 9);
  bed.fib.set(2, parse("10.1.2.3"), 8);
  for (const [vrf, count] of [
    [3, 300],
    [4, 20_000],
  ] as const) {
    generated(count).forEach((prefix, i) => {
      bed.fib.set(vrf, prefix, 1 + (i % 1000));
    });
  }
  const next = sequence(0x9e3779b9);
  const known = generated(300);
  const words = bed.spare / 4;
  const addresses = words + GROUP;
  let wrong = 0;
  for (let round = 0; round < 20_000; round++) {
    const count = 1 + (next() % GROUP);
    const asked: [number, number][] = [];
    for (let i = 0; i < count; i++) {
      // Several VRFs in one group, as packets out of several tunnels have them.
      const vrf = next() % 5;
      const [a = 0, b = 0, c = 0] = known[next() % known.length]!.address;
      const near = ((a << 24) | (b << 16) | (c << 8) | (next() & 255)) >>> 0;
      const address = [next(), near, 0x0a010203][next() % 3]!;
      bed.words[words + i] = bed.words[(VRFS + vrf * VRF_STRIDE + VRF_ROOT4) / 4]!;
      bed.words[addresses + i] = address;
      asked.push([vrf, address]);
    }
    bed.wasm.fibGroup4(words * 4, addresses * 4, count);
    asked.forEach(([vrf, address], i) => {
      if (bed.words[words + i] !== bed.wasm.fibLookup4(vrf, address)) wrong++;
    });
  }
  expect(wrong).toBe(0);
});
