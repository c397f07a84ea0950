import { describe, expect, it } from "vitest";
import { measureInPeace, TRIES, watchBustle } from "../../../src/lab/busy.ts";

const STAT = (idle: number, steal = 0, user = 0) => `cpu  ${user} 0 0 ${idle} 0 0 0 ${steal} 0 0\ncpu0 1 1\n`;
const PRESSURE = (total: number) => `some avg10=1.00 avg60=1.00 avg300=1.00 total=${total}\nfull total=7\n`;

/** A machine's files, before and after. */
function machine(stats: readonly string[], pressures: readonly string[]) {
  const left = { stats: [...stats], pressures: [...pressures] };
  return (file: string) => {
    const text = file === "/proc/stat" ? left.stats.shift() : left.pressures.shift();
    if (text === undefined) throw new Error(`no ${file}`);
    return text;
  };
}

describe("a machine", () => {
  it("is busy when programs wait for a CPU, or a hypervisor keeps it for others", () => {
    const bustle = (stats: readonly string[], pressures: readonly string[]) => watchBustle(machine(stats, pressures))();
    expect(bustle([STAT(0), STAT(100)], [PRESSURE(0), PRESSURE(0)])).toEqual({ waited: 0, stolen: 0, busy: false });
    // A second of waiting in no time at all.
    expect(bustle([STAT(0), STAT(100)], [PRESSURE(5), PRESSURE(1_000_005)]).busy).toBe(true);
    expect(bustle([STAT(0), STAT(90, 10)], [PRESSURE(0), PRESSURE(0)])).toMatchObject({ stolen: 0.1, busy: true });
    // A kernel that tells of no pressure.
    expect(bustle([STAT(0), STAT(5, 0, 95)], [])).toMatchObject({ waited: 0.95, busy: true });
    expect(bustle([STAT(0), STAT(50, 0, 50)], [])).toMatchObject({ waited: 0.5, busy: false });
  });

  it("tells what it has to tell", () => {
    const { waited, stolen } = watchBustle()();
    expect(waited).toBeGreaterThanOrEqual(0);
    expect(stolen).toBeGreaterThanOrEqual(0);
  });
});

describe("a measurement", () => {
  const bustle = (busy: boolean) => () => () => ({ waited: 0.5, stolen: 0, busy });
  const results = (...list: readonly number[]) => {
    let next = 0;
    return async () => list[next++]!;
  };
  const right = (n: number) => n > 0;

  it("that came out wrong stands, unless the machine was busy", async () => {
    expect(await measureInPeace(results(0, 1), right, bustle(false))).toEqual({ result: 0, again: "" });
    expect(await measureInPeace(results(1, 2), right, bustle(true))).toEqual({ result: 1, again: "" });
    const again = " (try 2: before, programs waited for a CPU 50 % of the time)";
    expect(await measureInPeace(results(0, 1), right, bustle(true))).toEqual({ result: 1, again });
  });

  it("is made a few times, and wrong then, whatever else there was to do", async () => {
    const wrong = new Array(TRIES + 1).fill(0).map((_, i) => -i);
    const { result, again } = await measureInPeace(results(...wrong), right, bustle(true));
    expect(result).toBe(1 - TRIES);
    expect(again).toContain(`try ${TRIES}`);
  });
});
