import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/order.ts";

const CORES = availableParallelism();

/** Network tests at once. They wait more than they work, but each has some six processes of its own. */
const REGIONS = Math.min(CORES + 1, 4);

/** Namespaces and routers in processes of their own, which wait for each other most of the time. */
const NET = ["test/net/**/*.test.ts", "test/interop/**/*.test.ts", "test/unit/**/*.net.test.ts"];

/** A machine that is busy with something else makes them late, not wrong: what may take only so long says so itself. */
const PATIENT = { testTimeout: 180_000, hookTimeout: 180_000 };

/** These measure rates, times, CPU or losses by the hundredth: nothing of ours runs beside them. They also take turns (test/net/turn.ts). */
const ALONE = ["test/net/{attack,bench,restart,shape,workers}.test.ts"];

export default defineConfig({
  test: {
    globalSetup: ["test/setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for comes at once on a machine that is not busy; how long it takes is not what such a test is about.
    expect: { poll: { timeout: 10_000 } },
    pool: "forks",
    env: {
      // Tests start vcpe some hundred times from its TypeScript: Node.js keeps what it has made of a file, by its contents.
      NODE_COMPILE_CACHE: fileURLToPath(new URL("build/compiled", import.meta.url)),
    },
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...NET],
          maxWorkers: CORES,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...PATIENT,
          name: "net",
          include: NET,
          exclude: ALONE,
          maxWorkers: REGIONS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { ...PATIENT, name: "alone", include: ALONE, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
