/** When fingerprints are worked out: after those who wait for a change have been told. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Fingerprints } from "../../../src/console/desk/fingerprints.ts";
import type { RouterVersions } from "../../../src/console/desk/versions.ts";

/** Routers whose fingerprint is not known, and what happens when they are written. */
function rig() {
  const routers = new Set<string>();
  const quiet: number[] = [];
  const faults: unknown[] = [];
  let broken = false;
  const versions = {
    get unknown() {
      return routers.size > 0;
    },
    writeFingerprints: (most: number) => [...routers].slice(0, most),
    fingerprintsWritten: (written: Iterable<string>) => {
      for (const router of written) routers.delete(router);
    },
  } as unknown as RouterVersions;
  const write = (act: () => void) => {
    if (broken) throw new Error("the disk is full");
    act();
  };
  const fingerprints = new Fingerprints({
    versions,
    write,
    isOpen: () => true,
    onFault: (error) => faults.push(error),
    onQuiet: (count) => quiet.push(count),
  });
  const change = (count: number) => {
    for (let i = 0; i < count; i++) routers.add(`${routers.size}-${i}`);
    fingerprints.soon();
  };
  const breaks = (yes: boolean) => {
    broken = yes;
  };
  return { routers, quiet, faults, change, fingerprints, breaks };
}

describe("fingerprints", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("wait for the last change of several, and are then written with pauses for others", () => {
    const { routers, quiet, change } = rig();
    change(1);
    vi.advanceTimersByTime(1500);
    change(1200);
    vi.advanceTimersByTime(1500);
    expect(routers.size).toBe(1201);
    vi.advanceTimersByTime(600);
    expect(routers.size).toBe(0);
    expect(quiet).toEqual([1201]);
  });

  it("give way to a change that comes when some are written", () => {
    const { routers, quiet, change } = rig();
    change(1200);
    vi.advanceTimersByTime(2001);
    expect(routers.size).toBe(700);
    change(1);
    vi.advanceTimersByTime(1900);
    expect(routers.size).toBe(701);
    vi.advanceTimersByTime(500);
    expect(quiet).toEqual([1201]);
  });

  it("do not wait for ever where changes do not end, and the next ones wait as long again", () => {
    const { routers, quiet, change } = rig();
    for (let i = 0; i < 61; i++) {
      change(1);
      vi.advanceTimersByTime(1000);
    }
    expect(quiet).toEqual([60]);
    change(1);
    vi.advanceTimersByTime(1500);
    expect(routers.size).toBeGreaterThan(0);
    vi.advanceTimersByTime(1000);
    expect(routers.size).toBe(0);
  });

  it("are tried again, after a pause, when they could not be written", () => {
    const { routers, faults, change, breaks, quiet } = rig();
    breaks(true);
    change(3);
    vi.advanceTimersByTime(6500);
    expect(faults.length).toBe(3);
    breaks(false);
    vi.advanceTimersByTime(2000);
    expect(routers.size).toBe(0);
    expect(quiet).toEqual([3]);
  });

  it("are all written when it is closed, and nothing is later", () => {
    const { routers, quiet, change, fingerprints } = rig();
    change(2000);
    fingerprints.close();
    expect(routers.size).toBe(0);
    vi.advanceTimersByTime(10_000);
    expect(quiet).toEqual([]);
  });
});
