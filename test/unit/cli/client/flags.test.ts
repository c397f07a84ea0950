import { describe, expect, it } from "vitest";
import { checkComplete, describeFlags, parseFlags } from "../../../../src/cli/client/flags.ts";
import { kindOf, pathOf, pluralOf } from "../../../../src/cli/client/kinds.ts";
import { KINDS } from "../../../../src/console/model/references.ts";
import type { Kind } from "../../../../src/console/model/resources.ts";

const parse = (kind: Kind, text: string) => parseFlags(kind, text.split(" "), { "--json": false, "--keys-file": true });
const fault = (kind: Kind, text: string) => {
  try {
    parse(kind, text);
  } catch (error) {
    return `${(error as Error).message}. ${(error as { next: string }).next}`;
  }
  return "";
};

describe("kinds", () => {
  it("are known in singular and plural, with hyphens or without", () => {
    for (const kind of KINDS) {
      for (const word of [kind, pluralOf(kind), kind.replace("-", ""), kind.toUpperCase()])
        expect(kindOf(word)).toBe(kind);
    }
    expect(() => kindOf("instnce")).toThrow(expect.objectContaining({ next: 'Did you mean "instance"?' }));
    expect(() => kindOf("zebra")).toThrow(expect.objectContaining({ reason: "usage" }));
    expect(pathOf("access-point", "a/b", "bind")).toBe("/v1/access-points/a%2Fb/bind");
  });
});

describe("flags", () => {
  it.each<[Kind, string, object]>([
    ["instance", "--area sh --peak-bandwidth 20", { area: "sh", peakBandwidth: 20 }],
    ["instance", "--peakBandwidth=20 --cidrs 10.0.0.0/8", { peakBandwidth: 20, cidrs: ["10.0.0.0/8"] }],
    [
      "instance",
      "--cidrs 10.0.0.0/8,172.16.0.0/12 --cidrs 192.168.0.0/16",
      { cidrs: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] },
    ],
    ["instance", "--activated --no-locked", { activated: true, locked: false }],
    ["instance", "--locked=true --activated=false", { locked: true, activated: false }],
    ["instance", "--ccn null --cidrs=", { ccn: null, cidrs: [] }],
    ["access-point", "--vpc-namespaces web,db --vpc-vrfs red", { vpcNamespaces: ["web", "db"], vpcVrfs: ["red"] }],
    ["vpc", "--place namespace:web", { place: { kind: "namespace", name: "web" } }],
    ["vpc", "--place vrf:vrf0", { place: { kind: "vrf", device: "vrf0" } }],
    ["vpc", "--place host", { place: { kind: "host" } }],
    ["vpc", '--place {"kind":"host"}', { place: { kind: "host" } }],
    [
      "vpc",
      "--vswitches a=10.0.0.0/24,b=10.0.1.0/24",
      {
        vswitches: [
          { name: "a", cidr: "10.0.0.0/24" },
          { name: "b", cidr: "10.0.1.0/24" },
        ],
      },
    ],
    ["rule", "--ports 80/80 --cidr 0.0.0.0/0 --policy accept", { ports: "80/80", cidr: "0.0.0.0/0", policy: "accept" }],
  ])("of a %s: %s", (kind, text, expected) => expect(parse(kind, text).values).toEqual(expected));

  it("of the command are kept apart", () => {
    expect(parse("area", "--json --keys-file k --description x")).toEqual({
      values: { description: "x" },
      others: { "--json": true, "--keys-file": "k" },
    });
  });

  it.each<[Kind, string, string]>([
    ["instance", "--peak-bandwith 20", "Did you mean --peak-bandwidth?"],
    ["instance", "--colour red", "Keys: --description, --area,"],
    ["instance", "--peak-bandwidth fast", '"fast" is no number. Write --peak-bandwidth 2…1000'],
    ["instance", "--area", "--area needs a value"],
    ["instance", "--area --locked", "--area needs a value"],
    ["instance", "--area sh --area bj", "--area is given twice"],
    ["instance", "--locked=maybe", '"maybe" is neither true nor false'],
    ["instance", "--no-area sh", "--no-area is no key"],
    ["instance", "sh", '"sh" stands alone'],
    ["rule", "--policy acept", 'Did you mean "accept"?'],
    ["vpc", "--place moon", "Write namespace:NAME, vrf:DEVICE, host"],
    ["vpc", "--place {kind", "must be JSON"],
    ["vpc", "--vswitches a", "has not the form NAME=CIDR"],
  ])("of a %s that make no sense: %s", (kind, text, expected) => expect(fault(kind, text)).toContain(expected));

  it("that must be there are asked for", () => {
    expect(() => checkComplete("instance", { area: "sh" })).toThrow("an instance needs --peak-bandwidth");
    expect(() => checkComplete("area", {})).not.toThrow();
  });

  it("are explained for every kind", () => {
    for (const kind of KINDS) {
      const lines = describeFlags(kind, true);
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
    }
    expect(describeFlags("ccn", true, [["--json", "As JSON."]])).toMatchInlineSnapshot(`
      [
        "  --description VALUE  At most 256 characters on one line, no control",
        "                       characters; does not begin with http:// or https://.",
        "  --area VALUE         The area: its id or its name. (needed)",
        "  --cidr VALUE|null    CIDR blocks of its instances must lie in it; null (the",
        "                       default): anywhere.",
        "  --[no-]interworking  May its instances talk to each other? Default true.",
        "  --cen VALUE|null     Default null: attached to none.",
        "  --json               As JSON.",
      ]
    `);
    // Who changes a resource need not write what its maker had to.
    expect(describeFlags("ccn", false).join("\n")).not.toContain("needed");
  });
});
