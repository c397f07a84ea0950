/** A filter of the configuration as the datapath takes it. */
import type { FilterRules } from "../datapath/rules.ts";
import { prefixOf } from "./address.ts";
import type { FilterConfig } from "./config/config.ts";

export function filterRules(filter: FilterConfig): FilterRules {
  return {
    rules: filter.rules.map(({ prefix, ...rule }) => ({ ...rule, prefix: prefixOf(prefix) })),
    in: filter.in,
    out: filter.out,
  };
}
