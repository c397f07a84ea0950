/** The version of this program, from its package.json: beside src/, or beside dist/ when compiled. */
import { readFileSync } from "node:fs";

export function version(): string {
  for (const path of ["../../package.json", "../../../package.json"]) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
      if (name === "vcpe") return version;
    } catch {
      // Not there: look one folder further up.
    }
  }
  return "unknown";
}
