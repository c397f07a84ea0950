import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Damper } from "../../../src/console/desk/damper.ts";
import type { NewEvent } from "../../../src/console/store/events.ts";

let told: NewEvent[];
let damper: Damper;
beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  damper = new Damper((event) => told.push(event));
});
afterEach(() => void vi.useRealTimers());

const about = (name: string, message = "x", code = "X"): NewEvent => {
  return { level: "WARN", code, message, subject: { kind: "device", id: name, name } };
};
const messages = () => told.splice(0).map(({ message, subject }) => `${subject?.name ?? "–"}: ${message}`);
const MINUTE = 60_000;

it("tells five of one device and code at once, and the others as one, later", () => {
  for (let i = 0; i < 9; i++) damper.event(about("a", `${i}`));
  damper.event(about("b"));
  damper.event(about("a", "other", "Y"));
  expect(messages()).toEqual(["a: 0", "a: 1", "a: 2", "a: 3", "a: 4", "b: x", "a: other"]);
  vi.advanceTimersByTime(4 * MINUTE);
  expect(messages()).toEqual([]);
  vi.advanceTimersByTime(2 * MINUTE);
  expect(messages()).toEqual(["a: 8 (4 times since it was told last)"]);
});

it("holds no bad news back for good news of the same code", () => {
  for (let i = 0; i < 9; i++) damper.event({ ...about("a", `${i}`), level: "INFO" });
  for (let i = 0; i < 90; i++) damper.event({ ...about(`device${i}`), level: "INFO" });
  messages();
  damper.event({ ...about("a", "bad"), level: "CRITICAL" });
  expect(messages()).toEqual(["a: bad"]);
});

it("tells a single one that it held back as it was, and after a quiet time all at once again", () => {
  for (let i = 0; i < 6; i++) damper.event(about("a", `${i}`));
  vi.advanceTimersByTime(6 * MINUTE);
  expect(messages().at(-1)).toBe("a: 5");
  vi.advanceTimersByTime(60 * MINUTE);
  for (let i = 0; i < 5; i++) damper.event(about("a", `${i}`));
  expect(messages()).toHaveLength(5);
});

it("tells of very many devices twenty, and the others as one", () => {
  for (let i = 0; i < 1000; i++) damper.event(about(`device${i}`));
  expect(messages()).toHaveLength(20);
  vi.advanceTimersByTime(MINUTE);
  expect(messages()).toEqual([
    "–: the same of 980 more: device20, device21, device22, device23, device24 and 975 others",
  ]);
});

it("tells of strangers, whom no resource stands for, twenty and the last", () => {
  const refused = (from: number): NewEvent => ({ level: "WARN", code: "EnrolmentRefused", message: `from ${from}` });
  for (let i = 0; i < 100; i++) damper.event(refused(i));
  expect(messages()).toHaveLength(20);
  vi.advanceTimersByTime(6 * MINUTE);
  expect(messages()).toEqual(["–: 80 more of the same, the last: from 99"]);
});

it("tells of strangers that do not tire no more than 308 times in a day", () => {
  for (let second = 0; second < 86_400; second += 5) {
    damper.event({ level: "WARN", code: "EnrolmentRefused", message: "again" });
    vi.advanceTimersByTime(5000);
  }
  expect(messages().length).toBeLessThanOrEqual(308);
});

it("keeps nothing back when it ends, and no timer when there is nothing", () => {
  for (let i = 0; i < 7; i++) damper.event(about("a", `${i}`));
  damper.flush();
  expect(messages().at(-1)).toBe("a: 6 (2 times since it was told last)");
  damper.event(about("a"));
  vi.advanceTimersByTime(60 * MINUTE);
  expect(vi.getTimerCount()).toBe(0);
});
