/** Kinds of resources as people write them. */
import type { Kind } from "./resources.ts";

/** `one`: in sentences. `many`: in paths of the API, commands and files. */
export const WORDS: Readonly<Record<Kind, { readonly one: string; readonly many: string }>> = {
  area: { one: "area", many: "areas" },
  "access-point": { one: "access point", many: "access-points" },
  cen: { one: "CEN", many: "cens" },
  ccn: { one: "CCN", many: "ccns" },
  instance: { one: "instance", many: "instances" },
  device: { one: "device", many: "devices" },
  vpc: { one: "VPC", many: "vpcs" },
  vbr: { one: "VBR", many: "vbrs" },
  "security-group": { one: "security group", many: "security-groups" },
  rule: { one: "rule", many: "rules" },
};

/** "an instance", "a CCN" */
export function article(word: string): string {
  return /^[aeio]/.test(word) ? `an ${word}` : `a ${word}`;
}
