import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { ARENA_SIZE, G_ARENAS_BASE, G_EPOCH, VRF_ROOT4, VRFS, W_EPOCH } from "../../../assembly/layout.ts";
import { type FibBed, fibBed, parse, prefixOf } from "./fibbed.ts";

/**
 * A reader on its own thread with its own instance: per batch it stores the epoch as workers do, looks up all probes, and
 * marks each answer. It never waits for the writer.
 */
const READER = `
  const { workerData } = require("node:worker_threads");
  const { module, memory, probes4, probes6, answers, control, epochAt, myEpochAt } = workerData;
  const wasm = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const words = new Uint32Array(memory.buffer);
  while (Atomics.load(control, 0) === 0) {
    Atomics.store(words, myEpochAt, Atomics.load(words, epochAt));
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < probes4.length; i++) answers[i * 64 + (wasm.fibLookup4(0, probes4[i]) & 63)] = 1;
      for (let i = 0; i < probes6.length / 2; i++) {
        const answer = wasm.fibLookup6(0, probes6[2 * i], probes6[2 * i + 1]);
        answers[(probes4.length + i) * 64 + (answer & 63)] = 1;
      }
    }
    Atomics.add(control, 1, 1);
  }
`;

/** How much longer writer and reader go on on a machine that had the one or the other wait for a CPU, ms. */
const LONGER = 30_000;

/**
 * Which answers (0–63) the reader saw for each probe while `write` ran, again and again, for `ms`; longer until it is `enough`, by the
 * number of different answers in all, and of turns.
 */
async function observed(
  bed: FibBed,
  probes4: string[],
  probes6: string[],
  { ms, enough }: { ms: number; enough: (answers: number, turns: number) => boolean },
  write: (turn: number) => void,
) {
  const answers = new Uint8Array(new SharedArrayBuffer((probes4.length + probes6.length) * 64));
  const control = new Int32Array(new SharedArrayBuffer(8));
  const four = probes4.map((text) => new DataView(parse(text).address.buffer).getUint32(0));
  const six = probes6.flatMap((text) => {
    const view = new DataView(parse(text).address.buffer);
    return [view.getBigUint64(0), view.getBigUint64(8)];
  });
  const worker = new Worker(READER, {
    eval: true,
    workerData: {
      module: bed.module,
      memory: bed.memory,
      probes4: Uint32Array.from(four),
      probes6: BigUint64Array.from(six),
      answers,
      control,
      epochAt: G_EPOCH / 4,
      myEpochAt: (bed.words[G_ARENAS_BASE / 4] + 0 * ARENA_SIZE + W_EPOCH) / 4,
    },
  });
  const failed = new Promise<never>((_, reject) => worker.once("error", reject));
  const until = async (batches: number) => {
    while (Atomics.load(control, 1) < batches) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  try {
    await Promise.race([until(5), failed]);
    const end = Date.now() + ms;
    let turn = 0;
    const done = () =>
      enough(
        answers.reduce((sum, hit) => sum + hit, 0),
        turn,
      );
    while (Date.now() < end || (!done() && Date.now() < end + LONGER)) for (let i = 0; i < 50; i++) write(turn++);
    await Promise.race([until(Atomics.load(control, 1) + 5), failed]);
    Atomics.store(control, 0, 1);
    await new Promise((resolve) => worker.once("exit", resolve));
    const seen = (i: number) =>
      [...answers.subarray(i * 64, i * 64 + 64)].flatMap((hit, answer) => (hit ? [answer] : []));
    return {
      turns: turn,
      four: probes4.map((_, i) => seen(i)),
      six: probes6.map((_, i) => seen(probes4.length + i)),
    };
  } finally {
    await worker.terminate();
  }
}

describe("a reader while the writer flips routes", () => {
  it("meets the old or the new next hop, through nodes that come, go, change shape and are used again", async () => {
    const bed = fibBed(512 << 10, 0, 1);
    const { fib } = bed;
    fib.set(0, parse("0.0.0.0/0"), 1);
    fib.set(0, parse("10.0.0.0/8"), 2);
    fib.set(0, parse("10.9.0.0/16"), 3);
    fib.set(0, parse("::/0"), 4);
    fib.set(0, parse("2001:db8::/32"), 5);
    // Neighbours that come and go around the probes: they make an 8-bit node of 4-bit nodes and back, and use freed nodes again.
    const around = Array.from({ length: 24 }, (_, i) => prefixOf(Uint8Array.of(10, 8 * i + 6, 3, i), 32));
    const around6 = Array.from({ length: 24 }, (_, i) =>
      prefixOf(Uint8Array.of(0x20, 1, 0x0d, 0xb8, 8 * i + 6, i, i, 1, 0, 0, 0, 0, 0, 0, 0, i), 128),
    );
    const bell = new Int32Array(new SharedArrayBuffer(4));
    let most = 0;
    const result = await observed(
      bed,
      ["10.1.2.3", "10.9.1.1", "11.0.0.1", "10.200.0.1"],
      ["2001:db8:1:2::3", "2001:db8:ffff::1", "2002::1"],
      { ms: 4000, enough: (answers, turns) => answers >= 11 && turns * 40 > 10 * most },
      (turn) => {
        const up = turn % 2 === 0;
        if (up) {
          fib.set(0, parse("10.1.2.0/24"), 20);
          fib.set(0, parse("10.9.1.1/32"), 21);
          fib.set(0, parse("2001:db8:1:2::/64"), 22);
          fib.set(0, parse("2001:db8:ffff::1/128"), 23);
          around.forEach((prefix) => void fib.set(0, prefix, 30));
          around6.forEach((prefix) => void fib.set(0, prefix, 31));
        } else {
          around.forEach((prefix) => void fib.remove(0, prefix));
          around6.forEach((prefix) => void fib.remove(0, prefix));
          fib.remove(0, parse("10.1.2.0/24"));
          fib.remove(0, parse("10.9.1.1/32"));
          fib.remove(0, parse("2001:db8:1:2::/64"));
          fib.remove(0, parse("2001:db8:ffff::1/128"));
        }
        most = Math.max(most, fib.stats().nodes + fib.stats().waiting);
        // The region is small: wait for the reader to let go, as a real writer's event loop would.
        for (let ms = 0; fib.reclaim() > 800 && ms < 10_000; ms++) Atomics.wait(bell, 0, 0, 1);
      },
    );
    expect(result.four).toEqual([[2, 20], [3, 21], [1], [2]]);
    expect(result.six).toEqual([[5, 22], [5, 23], [4]]);
    // Nodes were used again and again: far more were made than the region holds.
    expect(result.turns * 40).toBeGreaterThan(10 * most);
  });

  it("meets the old or the new next hop while a default route is replaced and a large root comes and goes", async () => {
    const bed = fibBed(8 << 20, 0, 1);
    const { fib } = bed;
    fib.set(0, parse("0.0.0.0/0"), 1);
    fib.set(0, parse("198.51.100.0/24"), 3);
    const many = Array.from({ length: 16_500 }, (_, i) => prefixOf(Uint8Array.of(20, i >> 8, i, 0), 24));
    const kinds = new Set<number>();
    const result = await observed(
      bed,
      ["198.51.100.7", "203.0.113.1", "20.1.1.1"],
      [],
      { ms: 3000, enough: (answers) => answers >= 6 },
      (turn) => {
        const at = turn % (2 * many.length);
        for (let i = 0; i < 64; i++) {
          const index = (at * 64 + i) % (2 * many.length);
          if (index < many.length) fib.set(0, many[index], 9);
          else fib.remove(0, many[index - many.length]);
        }
        fib.set(0, parse("0.0.0.0/0"), 1 + (turn & 1));
        kinds.add((bed.words[(VRFS + VRF_ROOT4) / 4] >> 1) & 31);
      },
    );
    expect(result.four).toEqual([[3], [1, 2], [1, 2, 9]]);
    expect([...kinds]).toEqual(expect.arrayContaining([4, 16]));
  });
});
