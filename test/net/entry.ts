/** How tests start vcpe: the TypeScript as it stands, with the Node that runs the tests. */
import { fileURLToPath } from "node:url";

export const ENTRY: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url)),
];
