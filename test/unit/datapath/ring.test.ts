import fc from "fast-check";
import { expect, test } from "vitest";
import {
  RECORD_ACQUIRE,
  RECORD_HEADER,
  RECORD_IKE,
  RECORD_KIND,
  RECORD_LOCAL,
  RECORD_NAME,
  RECORD_SIZE,
  RECORD_SKIP,
  RECORD_SOCKET,
  RECORD_VALUE,
  RING_DATA,
  RING_HEAD,
  RING_SIZE,
  RING_TAIL,
} from "../../../assembly/layout.ts";
import { arenaOf, type PlaneMemory } from "../../../src/datapath/memory.ts";
import { Ring } from "../../../src/datapath/ring.ts";
import { writeSocketName } from "../../../src/linux/sockaddr.ts";
import { makeTables } from "./tables.ts";

const SENDER = { address: Uint8Array.of(192, 0, 2, 9), port: 4500 };
const LOCAL = Uint8Array.of(198, 51, 100, 1);

/** The producer as the layout describes it, written without looking at the fast path's. False: the ring is full. */
function put(memory: PlaneMemory, arena: number, kind: number, value: number, payload: Uint8Array): boolean {
  const { view, bytes } = memory;
  const head = view.getUint32(arena + RING_HEAD, true);
  const tail = view.getUint32(arena + RING_TAIL, true);
  const size = Math.ceil((RECORD_HEADER + payload.length) / 16) * 16;
  const rest = RING_SIZE - (head % RING_SIZE);
  const skip = rest < size ? rest : 0;
  if (((head - tail) >>> 0) + skip + size > RING_SIZE) return false;
  let at = arena + RING_DATA + (head % RING_SIZE);
  if (skip > 0) {
    view.setUint32(at + RECORD_SIZE, skip, true);
    view.setUint32(at + RECORD_KIND, RECORD_SKIP, true);
    at = arena + RING_DATA;
  }
  view.setUint32(at + RECORD_SIZE, size, true);
  view.setUint32(at + RECORD_KIND, kind, true);
  view.setUint32(at + RECORD_VALUE, value, true);
  view.setUint32(at + RECORD_SOCKET, 1, true);
  writeSocketName(view, at + RECORD_NAME, SENDER);
  bytes.set(LOCAL, at + RECORD_LOCAL);
  bytes.set(payload, at + RECORD_HEADER);
  view.setUint32(arena + RING_HEAD, (head + skip + size) >>> 0, true);
  return true;
}

test("records come out as they went in, in order, across the end of the ring and of the counters", () => {
  const { memory } = makeTables(2);
  const arena = arenaOf(memory.regions, 1);
  const record = fc.record({ length: fc.integer({ min: 0, max: 20_000 }), drain: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 20, maxLength: 120 }),
      fc.constantFrom(0, 16, RING_SIZE - 16, 2 ** 32 - 4096, 2 ** 32 - RING_SIZE),
      (records, start) => {
        memory.view.setUint32(arena + RING_HEAD, start, true);
        memory.view.setUint32(arena + RING_TAIL, start, true);
        const ring = new Ring(memory, arena);
        const expected: Uint8Array[] = [];
        const drain = (): void => {
          for (let got = ring.take(); got !== undefined; got = ring.take()) {
            const payload = expected.shift();
            expect(got.kind).toBe(RECORD_IKE);
            expect(Buffer.compare(got.payload, payload!)).toBe(0);
            expect(got.remote).toEqual(SENDER);
            expect(got.local).toEqual(LOCAL);
            expect(got.socket).toBe(1);
          }
          expect(expected).toEqual([]);
        };
        records.forEach((one, index) => {
          const payload = new Uint8Array(one.length).fill(index + 1);
          if (put(memory, arena, RECORD_IKE, one.length, payload)) expected.push(payload);
          if (one.drain) drain();
        });
        drain();
        expect(memory.view.getUint32(arena + RING_TAIL, true)).toBe(memory.view.getUint32(arena + RING_HEAD, true));
      },
    ),
    { numRuns: 40 },
  );
});

test("what was taken is a copy: the ring may write over its place", () => {
  const { memory } = makeTables(1);
  const arena = arenaOf(memory.regions, 0);
  const ring = new Ring(memory, arena);
  put(memory, arena, RECORD_IKE, 4, Uint8Array.of(1, 2, 3, 4));
  const record = ring.take();
  memory.bytes.fill(0xff, arena + RING_DATA, arena + RING_DATA + 256);
  expect(record?.payload).toEqual(Uint8Array.of(1, 2, 3, 4));
  expect(record?.local).toEqual(LOCAL);
});

test("a wait ends when a record comes, at once when one is there, and by wake", async () => {
  const { memory } = makeTables(1);
  const arena = arenaOf(memory.regions, 0);
  const ring = new Ring(memory, arena);
  const signed = new Int32Array(memory.memory.buffer);
  const waited = ring.wait();
  put(memory, arena, RECORD_ACQUIRE, 7, new Uint8Array(0));
  Atomics.notify(signed, (arena + RING_HEAD) >>> 2);
  await waited;
  await ring.wait();
  expect(ring.take()).toMatchObject({ kind: RECORD_ACQUIRE, value: 7 });
  const idle = ring.wait();
  ring.wake();
  await idle;
  expect(ring.take()).toBeUndefined();
});

test("a record that cannot be is an error, not an endless loop", () => {
  const { memory } = makeTables(1);
  const arena = arenaOf(memory.regions, 0);
  for (const size of [0, 8, 24, RING_SIZE + 16]) {
    memory.view.setUint32(arena + RING_HEAD, 4096, true);
    memory.view.setUint32(arena + RING_TAIL, 0, true);
    memory.view.setUint32(arena + RING_DATA + RECORD_SIZE, size, true);
    expect(() => new Ring(memory, arena).take()).toThrow(RangeError);
  }
});
