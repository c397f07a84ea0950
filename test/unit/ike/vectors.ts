import { existsSync, readFileSync } from "node:fs";

/** Bytes of a hexadecimal text; blanks are for the reader. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export interface WycheproofTest {
  readonly tcId: number;
  readonly comment: string;
  readonly result: "valid" | "invalid" | "acceptable";
  readonly flags: readonly string[];
  readonly [field: string]: unknown;
}

export interface WycheproofGroup {
  readonly tests: readonly WycheproofTest[];
  readonly [field: string]: unknown;
}

/** Test groups of a Wycheproof file; `undefined`, said aloud, where the vectors are not at hand. */
export function wycheproof(name: string): readonly WycheproofGroup[] | undefined {
  const file = new URL(`../../../../shared/vectors/wycheproof/${name}`, import.meta.url);
  if (!existsSync(file)) {
    console.log(`skipped: no vectors (${name})`);
    return undefined;
  }
  return JSON.parse(readFileSync(file, "utf8")).testGroups;
}
