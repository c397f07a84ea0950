/** Filters in the configuration file, and what they are compiled to. */
import Type, { type Static } from "typebox";
import { formatPrefix, prefixOf } from "../address.ts";
import type { FilterConfig } from "./config.ts";
import { closed, Name } from "./field.ts";

/** Protocols by name. */
export const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, gre: 47, esp: 50, icmpv6: 58 };

const Action = (description: string) => Type.Enum(["accept", "drop"], { expects: "accept or drop", description });

const RuleFile = Type.Object(
  {
    id: Name("Name of the rule, unique in its filter; `vcpe status` shows its hits under it."),
    direction: Type.Enum(["in", "out"], {
      expects: "in or out",
      description: "in: from the tunnels towards the device. out: from the device.",
    }),
    protocol: Type.Optional(
      Type.Union([Type.Enum(["any", ...Object.keys(PROTOCOLS)]), Type.Integer({ minimum: 0, maximum: 255 })], {
        expects: `any, ${Object.keys(PROTOCOLS).join(", ")}, or a number from 0 to 255`,
        description: "Protocol. Default any.",
      }),
    ),
    ports: Type.Optional(
      Type.String({
        format: "vcpe-ports",
        description: 'Destination ports, "80" or "8000-8999"; for protocols that have ports. Default: any.',
      }),
    ),
    prefix: Type.String({
      format: "vcpe-prefix",
      description: "The far side: the source of what goes in, the destination of what goes out.",
    }),
    action: Action("What becomes of a packet that opens a flow and matches."),
  },
  closed,
);

export const FilterFile = Type.Object(
  {
    name: Name("Name of the filter."),
    rules: Type.Optional(
      Type.Array(RuleFile, {
        maxItems: 1000,
        description:
          "The first that matches decides. Answers to what was accepted pass, as do ICMP errors about it; open flows are judged again when the rules change.",
      }),
    ),
    in: Type.Optional(Action("What goes in and matches no rule. Default drop.")),
    out: Type.Optional(Action("What goes out and matches no rule. Default accept.")),
  },
  closed,
);

export type FilterFile = Static<typeof FilterFile>;
export type RuleFile = Static<typeof RuleFile>;

/** The number of a protocol; null: any. */
export function protocolNumber(protocol: RuleFile["protocol"]): number | null {
  if (typeof protocol === "number") return protocol;
  return protocol === undefined || protocol === "any" ? null : PROTOCOLS[protocol]!;
}

/** "80" or "8000-8999"; undefined: neither. */
export function parsePorts(text: string): { low: number; high: number } | undefined {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (found === null) return undefined;
  const low = Number(found[1]);
  const high = Number(found[2] ?? found[1]);
  return low <= high && high <= 65535 ? { low, high } : undefined;
}

/** The filter must have passed its checks. */
export function compileFilter({ name, rules = [], ...defaults }: FilterFile): FilterConfig {
  return {
    name,
    rules: rules.map(({ id, direction, protocol, ports, prefix, action }) => ({
      id,
      direction,
      protocol: protocolNumber(protocol),
      ports: ports === undefined ? null : (parsePorts(ports) ?? null),
      prefix: formatPrefix(prefixOf(prefix)),
      action,
    })),
    in: defaults.in ?? "drop",
    out: defaults.out ?? "accept",
  };
}
