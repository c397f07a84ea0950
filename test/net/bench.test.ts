/** `vcpe bench spec --quick`: the promised rates, nothing tighter; machines are noisy. */
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { benchSpec } from "../../bench/net/spec.ts";
import { BENCH_PROGRAMS } from "../../bench/net/systems.ts";
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
    const { rows } = await benchSpec({ ...options, signal: AbortSignal.timeout(100_000) });
    console.log(rows.map((row) => `${row.cores} cores: ${row.mbps} Mbit/s`).join(", "));
    expect(rows.map(({ cores, memoryMb, targetMbps }) => [cores, memoryMb, targetMbps])).toEqual([
      [1, 2048, 200],
      [2, 4096, 350],
    ]);
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(["cores", "memoryMb", "targetMbps", "mbps", "multiple", "pass"]);
      expect(row.pass, said.join("\n")).toBe(true);
    }
    expect(existsSync(labFolder(name))).toBe(false);
  }, 120_000);
});
