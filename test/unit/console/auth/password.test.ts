import { describe, expect, it } from "vitest";
import { Passwords } from "../../../../src/console/auth/password.ts";

describe("hashes", () => {
  it("are made a few at a time; a flood of them is refused", async () => {
    const passwords = new Passwords({ ln: 10, r: 8, p: 1 });
    const results = await Promise.allSettled(Array.from({ length: 60 }, () => passwords.hash("x")));
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(60 - 2 - 32);
    expect(refused[0]).toMatchObject({ reason: { status: 503, code: "busy" } });
    expect(await passwords.verify("y", await passwords.hash("y"), false)).toBe(true);
  });

  it("of strangers stand behind all others, and their flood keeps nobody else out", async () => {
    const passwords = new Passwords({ ln: 10, r: 8, p: 1 });
    const stored = await passwords.hash("right");
    const order: string[] = [];
    const strangers = Array.from({ length: 60 }, () =>
      passwords.verify("wrong", stored, false).then(
        () => order.push("stranger"),
        () => "busy",
      ),
    );
    expect(await passwords.verify("right", stored, true)).toBe(true);
    // Those that had begun, and a few that the other thread did meanwhile; not the 34 that came first.
    expect(order.length).toBeLessThan(17);
    expect((await Promise.all(strangers)).filter((one) => one === "busy")).toHaveLength(60 - 2 - 32);
  });

  it("differ for the same password, and hold for it alone, however it is typed", async () => {
    const passwords = new Passwords({ ln: 10, r: 8, p: 1 });
    const [a, b] = [await passwords.hash("caf\u00e9"), await passwords.hash("caf\u00e9")];
    expect(a).not.toBe(b);
    expect(await passwords.verify("cafe\u0301", a, true)).toBe(true);
    expect(await passwords.verify("cafe", a, true)).toBe(false);
  });
});
