import { describe, expect, it } from "vitest";
import { Throttle } from "../../../../src/console/auth/throttle.ts";

/** A throttle on a clock that is moved by hand. */
function bed() {
  let now = 0;
  const sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  const throttle = new Throttle((wait) => new Promise((wake) => sleepers.push({ at: now + wait, wake })));
  let judged = 0;
  return {
    get judged() {
      return judged;
    },
    /** Whether it was let through, refused, or waits still. */
    try(name: string, network: string): { state: "waits" | "through" | "refused" } {
      const one: { state: "waits" | "through" | "refused" } = { state: "waits" };
      throttle.pass(name, network, now).then(
        () => {
          judged++;
          one.state = "through";
        },
        (error) => {
          expect(error).toMatchObject({ status: 429, code: "too-many-tries", seconds: 5 });
          one.state = "refused";
        },
      );
      return one;
    },
    async pass(milliseconds: number) {
      now += milliseconds;
      for (let i = sleepers.length - 1; i >= 0; i--) if (sleepers[i].at <= now) sleepers.splice(i, 1)[0].wake();
      await new Promise((done) => setImmediate(done));
    },
  };
}

describe("tries under one name from addresses that are not known", () => {
  it("are fewer than 800 in an hour, however many addresses they come from", async () => {
    const at = bed();
    // Over the edge of two of the throttle's own hours, with 50 fresh networks each second.
    for (let second = 0; second < 3600 + 1800; second++) {
      if (second === 1800) expect(at.judged).toBeGreaterThan(300);
      for (let i = 0; i < 50; i++) at.try("admin", `network ${second}.${i}`);
      await at.pass(1000);
    }
    const before = at.judged;
    for (let second = 0; second < 3600; second++) {
      for (let i = 0; i < 50; i++) at.try("admin", `again ${second}.${i}`);
      await at.pass(1000);
    }
    expect(at.judged - before).toBeLessThan(800);
    expect(before).toBeLessThan(1.5 * 800);
  });

  it("of one network take one place: another one is heard after 20 seconds at the latest", async () => {
    const at = bed();
    for (let minute = 0; minute < 30; minute++) {
      for (let i = 0; i < 30; i++) at.try("admin", "stranger");
      await at.pass(2000);
    }
    at.try("admin", "stranger");
    const second = at.try("admin", "stranger");
    await at.pass(0);
    expect(second.state).toBe("refused");
    const owner = at.try("admin", "home");
    await at.pass(19_999);
    expect(owner.state).toBe("waits");
    await at.pass(1);
    expect(owner.state).toBe("through");
  });

  it("have nothing to do with those under another name", async () => {
    const at = bed();
    for (let i = 0; i < 100; i++) at.try("admin", `network ${i}`);
    const other = at.try("olga", "home");
    await at.pass(0);
    expect(other.state).toBe("through");
  });
});
