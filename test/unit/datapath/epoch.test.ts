import fc from "fast-check";
import { expect, test } from "vitest";
import { EPOCH_IDLE, G_EPOCH } from "../../../assembly/layout.ts";
import { beginBatch, goIdle, makeTables } from "./tables.ts";

test("a piece waits for the worker that was in a batch, and for no other", () => {
  const { memory, epochs } = makeTables(2);
  const freed: string[] = [];
  beginBatch(memory, 0);
  epochs.retire(() => freed.push("a"));
  expect(freed).toEqual([]);
  beginBatch(memory, 0);
  expect(epochs.reclaim()).toBe(0);
  expect(freed).toEqual(["a"]);
  // Both idle: at once.
  goIdle(memory, 0);
  epochs.retire(() => freed.push("b"));
  expect(freed).toEqual(["a", "b"]);
});

test("a later piece does not overtake an earlier one, and freeing may retire more", () => {
  const { memory, epochs } = makeTables(2);
  const freed: number[] = [];
  beginBatch(memory, 1);
  epochs.retire(() => {
    freed.push(1);
    epochs.retire(() => freed.push(3));
  });
  epochs.retire(() => freed.push(2));
  beginBatch(memory, 1);
  expect(epochs.reclaim()).toBe(1);
  expect(freed).toEqual([1, 2]);
  goIdle(memory, 1);
  expect(epochs.reclaim()).toBe(0);
  expect(freed).toEqual([1, 2, 3]);
});

test("pieces are freed by themselves when the workers have moved on", async () => {
  const { memory, epochs } = makeTables(1);
  beginBatch(memory, 0);
  const freed = new Promise<void>((resolve) => epochs.retire(resolve));
  setTimeout(() => beginBatch(memory, 0), 20);
  await freed;
});

test("the epoch wraps without meaning idle, 0, or yesterday", () => {
  const { memory, epochs } = makeTables(1);
  memory.words[G_EPOCH >>> 2] = EPOCH_IDLE - 3;
  beginBatch(memory, 0);
  let freed = 0;
  for (let i = 0; i < 4; i++) epochs.retire(() => freed++);
  expect(memory.words[G_EPOCH >>> 2]).toBe(2);
  expect(epochs.reclaim()).toBe(4);
  expect(freed).toBe(0);
  beginBatch(memory, 0);
  expect(epochs.reclaim()).toBe(0);
  expect(freed).toBe(4);
});

test("never freed while a worker's batch is older, whatever the order of events", () => {
  const step = fc.oneof(
    fc.constant({ kind: "retire" as const, worker: 0 }),
    fc.record({ kind: fc.constantFrom("begin" as const, "idle" as const), worker: fc.nat(2) }),
    fc.constant({ kind: "reclaim" as const, worker: 0 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { memory, epochs } = makeTables(3);
      // Each worker holds every piece that was reachable when its batch began.
      const held: Set<number>[] = [new Set(), new Set(), new Set()];
      const reachable = new Set<number>();
      let next = 0;
      const fresh = () => {
        reachable.add(next);
        return next++;
      };
      let current = fresh();
      for (const { kind, worker } of steps) {
        if (kind === "begin") {
          beginBatch(memory, worker);
          held[worker] = new Set(reachable);
        } else if (kind === "idle") {
          goIdle(memory, worker);
          held[worker] = new Set();
        } else if (kind === "reclaim") {
          epochs.reclaim();
        } else {
          const old = current;
          reachable.delete(old);
          current = fresh();
          epochs.retire(() => {
            for (const set of held) expect(set.has(old)).toBe(false);
          });
        }
      }
      for (const worker of [0, 1, 2]) {
        goIdle(memory, worker);
        held[worker] = new Set();
      }
      expect(epochs.reclaim()).toBe(0);
    }),
    { numRuns: 50 },
  );
});
