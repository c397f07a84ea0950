/** Pages of a table whose lines are numbered in the order of time: audit and events. */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";

/** With `after` the lines that follow it, oldest first; else the newest before `before` (or of all), oldest of them first. */
export interface Page {
  readonly after?: number;
  readonly before?: number;
  readonly limit: number;
}

/** Characters of the lines of a page; but it has one line at least. A line of the audit record may have the changes of ten thousand resources. */
const LONGEST = 4 * 1024 * 1024;

/** @param filter column → value that it must have; undefined: any. Columns are words of the program, never of a request. */
export function pageOf(
  database: DatabaseSync,
  table: "audit" | "event",
  filter: Readonly<Record<string, string | undefined>>,
  { after, before, limit }: Page,
): unknown[] {
  const terms: [string, SQLInputValue][] = [];
  for (const [column, value] of Object.entries(filter)) if (value !== undefined) terms.push([`${column} = ?`, value]);
  if (after !== undefined) terms.push(["id > ?", after]);
  if (before !== undefined) terms.push(["id < ?", before]);
  const where = terms.length > 0 ? `WHERE ${terms.map(([term]) => term).join(" AND ")}` : "";
  const forward = after !== undefined;
  const found = database
    .prepare(`SELECT * FROM ${table} ${where} ORDER BY id ${forward ? "ASC" : "DESC"} LIMIT ?`)
    .iterate(...terms.map(([, value]) => value), limit);
  const rows: unknown[] = [];
  let length = 0;
  for (const row of found) {
    for (const value of Object.values(row)) if (typeof value === "string") length += value.length;
    if (length > LONGEST && rows.length > 0) break;
    rows.push(row);
  }
  return forward ? rows : rows.reverse();
}
