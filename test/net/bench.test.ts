/** `vcpe bench spec --quick`: the promised rates, nothing tighter; machines are noisy. `vcpe bench net`: Ctrl-C in the middle. */
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { benchNet } from "../../bench/net/net.ts";
import { benchSpec } from "../../bench/net/spec.ts";
import { BENCH_PROGRAMS } from "../../bench/net/systems.ts";
import { measureInPeace } from "../../src/lab/busy.ts";
import { labFolder } from "../../src/lab/state.ts";
import { ENTRY } from "./entry.ts";
import { asRoot } from "./root.ts";
import { inTurn } from "./turn.ts";

describe.skipIf(!asRoot("vcpe bench spec", BENCH_PROGRAMS))("vcpe bench spec", () => {
  const name = `s${process.pid}`;
  inTurn(name);

  it("reaches 200 Mbit/s on one core and 350 on two, and leaves nothing behind", async () => {
    const said: string[] = [];
    const options = { entry: ENTRY, quick: true, name, say: (line: string) => void said.push(line) };
    const { result, again } = await measureInPeace(
      () => benchSpec({ ...options, signal: AbortSignal.timeout(300_000) }),
      ({ rows }) => rows.every(({ pass }) => pass),
    );
    const { rows } = result;
    console.log(rows.map((row) => `${row.cores} cores: ${row.mbps} Mbit/s`).join(", ") + again);
    expect(rows.map(({ cores, memoryMb, targetMbps }) => [cores, memoryMb, targetMbps])).toEqual([
      [1, 2048, 200],
      [2, 4096, 350],
    ]);
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(["cores", "memoryMb", "targetMbps", "mbps", "multiple", "pass"]);
      expect(row.pass, said.join("\n")).toBe(true);
    }
    expect(existsSync(labFolder(name))).toBe(false);
  }, 1_300_000);
});

describe.skipIf(!asRoot("vcpe bench net", BENCH_PROGRAMS))("vcpe bench net", () => {
  const name = `n${process.pid}`;
  inTurn(name);

  it("gives what there is when it is interrupted, and leaves nothing behind", async () => {
    const stopping = new AbortController();
    const say = (line: string) => {
      if (line.includes("· udp-1024:")) stopping.abort();
    };
    const options = { entry: ENTRY, quick: true, only: ["plain", "vcpe aes"], name, say };
    const { machine, rows, ratios } = await benchNet({ ...options, signal: stopping.signal });
    expect(machine.interrupted).toBe(true);
    expect(machine.failed).toEqual([]);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      system: "plain forwarding",
      test: "udp-1024",
      pin: true,
      offload: false,
      cpuSecondsPerGbit: { tx: null, rx: null },
      rttAddedMs: 0,
      rssMb: null,
    });
    expect(rows[0]!.goodputMbps).toBeGreaterThan(10);
    expect(ratios).toEqual([]);
    expect(existsSync(labFolder(name))).toBe(false);
  });
});
