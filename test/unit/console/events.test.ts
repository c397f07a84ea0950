import { describe, expect, it } from "vitest";
import { EventLog } from "../../../src/console/store/events.ts";
import { memory } from "./deskrig.ts";

describe("the record of events", () => {
  it("keeps the newest, by number and age", () => {
    const log = new EventLog(memory(), { number: 500, age: 1_000_000 });
    const event = { level: "INFO", code: "X", message: "x" } as const;
    for (let i = 0; i < 1003; i++) log.add(i, event);
    const kept = () => log.list({}, { limit: 9999 }).map(({ id }) => id);
    expect([kept().length, kept().at(-1)]).toEqual([501, 1003]);
    for (let i = 0; i < 1001; i++) log.add(5_000_000, event);
    expect(kept()[0]).toBeGreaterThan(1003);
  });

  it("pages forwards from a line and backwards from the newest", () => {
    const log = new EventLog(memory());
    for (let i = 0; i < 9; i++) log.add(i, { level: "INFO", code: "X", message: "x" });
    const ids = (page: object) => log.list({}, { limit: 3, ...page }).map(({ id }) => id);
    expect([ids({}), ids({ after: 2 }), ids({ before: 4 }), ids({ after: 9 })]).toEqual([
      [7, 8, 9],
      [3, 4, 5],
      [1, 2, 3],
      [],
    ]);
  });
});
