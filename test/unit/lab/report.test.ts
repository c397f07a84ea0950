import { describe, expect, it } from "vitest";
import { step } from "../../../src/lab/lab.ts";
import { checkTable } from "../../../src/lab/report.ts";
import { typed } from "../../../src/lab/tutorial/operator.ts";

describe("what a person sees of the lab", () => {
  it("are checks, a row each, or two where a terminal has no room for one", () => {
    const short = { name: "ping", ok: true, detail: "0 % lost" };
    expect(checkTable([short, { ...short, ok: false }])).toBe("  ok      ping  0 % lost\n  FAILED  ping  0 % lost");
    const long = { name: "a".repeat(60), ok: true, detail: "b".repeat(40) };
    expect(checkTable([short, long])).toBe(
      `  ok  ping\n        0 % lost\n  ok  ${"a".repeat(60)}\n        ${"b".repeat(40)}`,
    );
  });

  it("is of a long step at once what it is, of a short one when it is done", async () => {
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    await step(say, "short", async () => undefined);
    await step(say, "long", () => new Promise((resolve) => setTimeout(resolve, 1300)));
    await expect(step(say, "wrong", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(said.map((line) => line.trim().replace(/^[\d.]+ s/, "T"))).toEqual(["T  short", "…    long", "T  long"]);
  });

  it("are the commands, and where they are typed", () => {
    expect(typed(["get", "instances"])).toBe("         $ vcpe get instances");
    expect(typed(["join", "--serial", "a b"], "hangzhou")).toBe("         hangzhou $ vcpe join --serial 'a b'");
  });
});
