import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clientKey } from "../../../../src/console/address.ts";
import { Limiter } from "../../../../src/console/auth/limit.ts";
import { Passwords } from "../../../../src/console/auth/password.ts";

describe("the limiter", () => {
  it("lets through so many tries in any window, however they come", () => {
    const limits = { tries: 5, window: 1000, keys: 10 };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }), (gaps) => {
        const limiter = new Limiter(limits);
        const let_through: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          if (limiter.wait("key", now) > 0) continue;
          limiter.count("key", now);
          let_through.push(now);
        }
        // Two windows that touch may hold the tries of both.
        for (const start of let_through) {
          const within = let_through.filter((time) => time >= start && time < start + limits.window);
          expect(within.length).toBeLessThan(2 * limits.tries);
        }
      }),
    );
  });

  it("remembers no more keys than it may, the latest ones", () => {
    const limiter = new Limiter({ tries: 1, window: 1000, keys: 100 });
    for (let i = 0; i < 10_000; i++) limiter.count(`key ${i}`, i / 100);
    expect(limiter.size).toBe(100);
    expect(limiter.wait("key 9999", 100)).toBeGreaterThan(0);
    expect(limiter.wait("key 0", 100)).toBe(0);
  });

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "2001:db8::/64"],
    ["2001:0DB8:0:0:1::", "2001:db8::/64"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["fe80::1%eth0", "fe80::/64"],
    ["::1", "::/64"],
  ])("takes %s for %s", (address, key) => expect(clientKey(address)).toBe(key));
});

describe("hashes", () => {
  it("are made a few at a time; a flood of them is refused", async () => {
    const passwords = new Passwords({ ln: 10, r: 8, p: 1 });
    const results = await Promise.allSettled(Array.from({ length: 60 }, () => passwords.hash("x")));
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(60 - 2 - 32);
    expect(refused[0]).toMatchObject({ reason: { status: 503, code: "busy" } });
    expect(await passwords.verify("y", await passwords.hash("y"))).toBe(true);
  });

  it("differ for the same password, and hold for it alone, however it is typed", async () => {
    const passwords = new Passwords({ ln: 10, r: 8, p: 1 });
    const [a, b] = [await passwords.hash("caf\u00e9"), await passwords.hash("caf\u00e9")];
    expect(a).not.toBe(b);
    expect(await passwords.verify("cafe\u0301", a)).toBe(true);
    expect(await passwords.verify("cafe", a)).toBe(false);
  });
});
