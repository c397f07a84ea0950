import type { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { COLUMNS, LEAST } from "../../../src/cli/client/columns.ts";
import { sayTable } from "../../../src/cli/client/terminal.ts";
import { fitted, leftText } from "../../../src/cli/fit.ts";
import { PLAIN } from "../../../src/cli/status/colours.ts";
import { picture } from "../../../src/cli/status/picture.ts";
import { table } from "../../../src/cli/table.ts";
import { fakeTerminal } from "./client/terminal.ts";
import { STATUS } from "./routerstatus.ts";

const HEADING = ["SERIAL", "ROLE", "VERSION", "SEEN"];
const CELLS = [
  ["vcpe0123456789ab", "active", "0.1.0", "2026-01-01T00:00:00.000Z"],
  ["vcpe0123456789ac", "standby", "0.1.0", "–"],
];
const LEAST_OF = ["SEEN", "VERSION", "ROLE"];
const widthOf = (shape: ReturnType<typeof fitted>) =>
  Math.max(...table(shape.heading, shape.cells).map(({ length }) => length));

describe("a table", () => {
  it("leaves out what matters least until it fits, and cuts nothing that it shows", () => {
    // All of it is 60 characters wide, then 34, 25 and 16.
    for (const [width, headings] of [
      [undefined, HEADING],
      [60, HEADING],
      [59, ["SERIAL", "ROLE", "VERSION"]],
      [34, ["SERIAL", "ROLE", "VERSION"]],
      [33, ["SERIAL", "ROLE"]],
      [24, ["SERIAL"]],
      [5, ["SERIAL"]],
    ] as const) {
      const shape = fitted(HEADING, CELLS, { width, least: LEAST_OF });
      expect([width, shape.heading]).toEqual([width, headings]);
      if (width !== undefined && width >= 16) expect(widthOf(shape)).toBeLessThanOrEqual(width);
      expect(shape.cells.map(([serial]) => serial)).toEqual(CELLS.map(([serial]) => serial));
      expect([...shape.heading, ...shape.left].sort()).toEqual([...HEADING].sort());
    }
    expect(leftText([])).toBeUndefined();
  });

  it("is whole where there is no terminal; on one, what is left out is told beside it", () => {
    const say = (tty: boolean, columns: number) => {
      const terminal = fakeTerminal({}, tty);
      Object.assign(terminal.out as PassThrough, { columns });
      sayTable(terminal, HEADING, CELLS, LEAST_OF);
      return terminal;
    };
    const [pipe, narrow, wide, unknown] = [say(false, 40), say(true, 40), say(true, 80), say(true, 0)];
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      expect(pipe.written.out).toBe(`${table(HEADING, CELLS).join("\n")}\n`);
      expect([pipe.written.err, wide.written.err]).toEqual(["", ""]);
      expect([wide.written.out, unknown.written.out]).toEqual([pipe.written.out, pipe.written.out]);
      expect(narrow.written.out).not.toContain("SEEN");
      expect(narrow.written.err).toBe("no room for SEEN: a wider terminal or --json shows all\n");
    });
  });

  it("of every kind names columns that are there, and keeps the first", () => {
    for (const [kind, least] of Object.entries(LEAST)) {
      const headings = COLUMNS[kind as keyof typeof COLUMNS].map(([heading]) => heading);
      for (const name of least) expect([kind, headings.slice(1)]).toEqual([kind, expect.arrayContaining([name])]);
    }
  });

  it("of a router's tunnels has their names, states and addresses at 80 columns", () => {
    const tables = (width: number | undefined) => picture(STATUS, { ...PLAIN, width });
    const head = (lines: readonly string[], word: string) => lines.find((line) => line.startsWith(word))!;
    expect(head(tables(undefined), "TUNNEL").length).toBeGreaterThan(80);
    for (const word of ["TUNNEL", "CHILD SA"]) {
      const lines = tables(80);
      const at = lines.indexOf(head(lines, word));
      for (const line of lines.slice(at, at + 2)) expect([line, line.length <= 80]).toEqual([line, true]);
    }
    expect(head(tables(80), "TUNNEL")).toMatch(/^TUNNEL +STATE .*ADDRESS/);
    expect(tables(80).some((line) => line.startsWith("no room for AUTH"))).toBe(true);
  });
});
