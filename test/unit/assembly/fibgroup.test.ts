import { expect, it } from "vitest";
import { generated, sequence } from "../../../bench/path/routes.ts";
import type { Prefix } from "../../../src/datapath/plane.ts";
import { fibBed, parse } from "./fibbed.ts";

const PROBES = 20_001;

/** A VRF with a table of `count` routes of each family: none, a default route alone, one host, some, many. */
function tables(fib: ReturnType<typeof fibBed>["fib"]): void {
  fib.set(1, parse("0.0.0.0/0"), 9);
  fib.set(1, parse("::/0"), 7);
  fib.set(2, parse("10.1.2.3"), 8);
  fib.set(2, parse("2001:db8::1"), 8);
  for (const [vrf, count] of [
    [3, 300],
    [4, 20_000],
  ] as const) {
    generated(count).forEach((prefix, i) => {
      fib.set(vrf, prefix, 1 + (i % 1000));
      fib.set(vrf, six(prefix, i), 1 + (i % 1000));
    });
  }
}

/** An IPv6 prefix made of an IPv4 one: some end there, some below straight nodes, one in five beyond bit 64. */
function six({ address, length }: Prefix, i: number): Prefix {
  const made = Uint8Array.from([0x20, 0x01, ...address, 0xab, i & 255, ...Array(8).fill(0)]);
  if (i % 5 === 0) {
    made[8] = 1;
    made[15] = i & 15;
    return { address: made, length: 128 };
  }
  if (i % 5 < 3) return { address: made, length: 64 };
  made.fill(0, 6);
  return { address: made, length: 16 + length };
}

it("lookups side by side give what each gives by itself, in trees of every shape", () => {
  const bed = fibBed(128 << 20, 4 << 20);
  tables(bed.fib);
  const next = sequence(0x9e3779b9);
  const known = generated(20_000);
  const view = new DataView(bed.memory.buffer);
  const [apart, beside] = [bed.spare + (1 << 20), bed.spare + (2 << 20)];
  const answers = (at: number) => Buffer.from(new Uint8Array(bed.memory.buffer, at, PROBES * 4));
  for (const vrf of [0, 1, 2, 3, 4]) {
    for (let i = 0; i < PROBES; i++) {
      const [a = 0, b = 0, c = 0] = known[next() % (vrf === 3 ? 300 : known.length)]!.address;
      const near = ((a << 24) | (b << 16) | (c << 8) | (next() & 255)) >>> 0;
      view.setUint32(bed.spare + i * 4, [next(), near, near, 0x0a010203][next() % 4]!, true);
    }
    bed.wasm.fibMany4(vrf, bed.spare, PROBES, apart);
    bed.wasm.fibBeside4(vrf, bed.spare, PROBES, beside);
    expect(answers(beside).equals(answers(apart))).toBe(true);
    for (let i = 0; i < PROBES; i++) {
      const n = next() % (vrf === 3 ? 300 : known.length);
      const { address } = six(known[n]!, n);
      // Not all the way as the route goes, most of the time.
      if (next() % 4) address[2 + (next() % 14)]! ^= next() & 255;
      const bytes = new DataView(address.buffer);
      view.setBigUint64(bed.spare + i * 16, bytes.getBigUint64(0), true);
      view.setBigUint64(bed.spare + i * 16 + 8, bytes.getBigUint64(8), true);
    }
    bed.wasm.fibMany6(vrf, bed.spare, PROBES, apart);
    bed.wasm.fibBeside6(vrf, bed.spare, PROBES, beside);
    expect(answers(beside).equals(answers(apart))).toBe(true);
    const found = new Uint32Array(bed.memory.buffer, beside, PROBES).filter((index) => index !== 0).length;
    if (vrf > 2) expect(found).toBeGreaterThan(PROBES / 8);
  }
});
