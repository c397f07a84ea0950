import { describe, expect, it } from "vitest";
import { ClientError } from "../../../../src/cli/client/error.ts";
import { parseSite } from "../../../../src/cli/client/site.ts";

const GOOD = `areas:
  - name: east
ccns:
  - name: corp
    area: east
instances:
  - name: hz
    area: east
    peakBandwidth: 20
    cidrs: [10.1.0.0/24]
    ccn: null
`;

const lines = (text: string) => {
  try {
    parseSite(text, "site.yaml");
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  return [];
};

describe("a site file", () => {
  it("becomes resources with their kind, what is referred to first", () => {
    expect(parseSite(GOOD, "site.yaml").resources).toEqual([
      { kind: "area", name: "east" },
      { kind: "ccn", name: "corp", area: "east" },
      { kind: "instance", name: "hz", area: "east", peakBandwidth: 20, cidrs: ["10.1.0.0/24"], ccn: null },
    ]);
    expect(parseSite("{}", "site.yaml").resources).toEqual([]);
  });

  it.each([
    [
      "instances:\n  - name: hz\n    peakBandwith: 20\n",
      'site.yaml:3:5: instances[0].peakBandwith: "peakBandwith" is not a key here. Did you mean "peakBandwidth"?',
    ],
    ["instance:\n  - name: hz\n", 'site.yaml:1:1: instance: "instance" is not a key here. Did you mean "instances"?'],
    ["areas:\n  - {}\n", 'site.yaml:2:5: areas[0]: "name" is missing.'],
    [
      "areas:\n  - name: a1\n  - name: b1\n  - name: a1\n",
      'site.yaml:4:11: areas[2].name: there is another area "a1" above.',
    ],
    ["areas: [\n", "site.yaml:2:1:"],
    ["devices: []\n", 'site.yaml:1:1: devices: "devices" is not a key here.'],
    ["instances:\n  - name: hz\n    peakBandwidth: fast\n", "site.yaml:3:20: instances[0].peakBandwidth:"],
  ])("with a mistake is refused at its line: %j", (text, expected) => expect(lines(text)[0]).toContain(expected));

  it.each(["", "\n", "# nothing\n", "---\n"])(
    "that holds nothing is refused, not taken for nothing wanted: %j",
    (text) => expect(lines(text)).toEqual(["site.yaml: is empty. List what is wanted; {} says that it is nothing."]),
  );

  it("is blamed where the console found something wrong", () => {
    const site = parseSite(GOOD, "site.yaml");
    const fault = { code: "cidr-conflict", message: "10.1.0.0/24 overlaps", next: "Choose another" };
    const error = new ClientError("refused", "cidr-conflict", "two things", "", {
      status: 409,
      violations: [
        { ...fault, path: "resources[2].cidrs[0]" },
        { ...fault, path: "resources[1]" },
      ],
    });
    expect(site.blame(error)?.message.split("\n")).toEqual([
      "site.yaml:4:5: ccns[0]: 10.1.0.0/24 overlaps. Choose another.",
      "site.yaml:10:13: instances[0].cidrs[0]: 10.1.0.0/24 overlaps. Choose another.",
    ]);
  });

  it("is blamed also when something else is wrong, that has no place in it", () => {
    const error = new ClientError("refused", "cidr-conflict", "two things", "", {
      status: 409,
      violations: [
        {
          code: "cidr-conflict",
          message: "10.1.0.0/24 overlaps",
          next: "Choose another",
          path: "resources[2].cidrs[0]",
        },
        { code: "in-use", message: "CEN net is used by CCN corp", next: "Delete or unbind these first" },
      ],
    });
    expect(parseSite(GOOD, "site.yaml").blame(error)?.message.split("\n")).toEqual([
      "site.yaml: CEN net is used by CCN corp. Delete or unbind these first.",
      "site.yaml:10:13: instances[0].cidrs[0]: 10.1.0.0/24 overlaps. Choose another.",
    ]);
  });

  it("is not blamed for what is not in it", () => {
    const site = parseSite(GOOD, "site.yaml");
    for (const path of [undefined, "id", "resources[9].name"])
      expect(site.blame(new ClientError("refused", "x", "m", "n", { path, status: 409 }))).toBeUndefined();
  });
});
