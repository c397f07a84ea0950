/**
 * What a schema cannot say: names that must be unique or exist, things that contradict each other. Runs on a file whose
 * structure is good, and reports all that it finds.
 */
import { attachments, devices, lan, tunNames } from "./devicerules.ts";
import { checkFilters } from "./filterrules.ts";
import { nearest } from "./nearest.ts";
import { checkPrefixes } from "./prefixes.ts";
import { error, type Finding, once, type Path } from "./problem.ts";
import type { RouterFile } from "./schema.ts";
import { identities, tunnelRules, unusedCredentials } from "./tunnelrules.ts";

export function checkRules(file: RouterFile): Finding[] {
  return [
    ...uniqueNames(file),
    ...references(file),
    ...outside(file),
    ...devices(file),
    ...attachments(file),
    ...lan(file),
    ...checkFilters(file),
    ...(file.tunnels ?? []).flatMap((tunnel, i) => tunnelRules(file, tunnel, ["tunnels", i])),
    ...identities(file),
    ...unusedCredentials(file),
    ...checkPrefixes(file),
  ];
}

function uniqueNames(file: RouterFile): Finding[] {
  const names = (list: readonly { readonly name: string }[] | undefined, at: Path) =>
    (list ?? []).map(({ name }, i) => ({ text: name, path: [...at, i, "name"] }));
  return [
    ...once("duplicate-name", "the VRF name", names(file.vrfs, ["vrfs"])),
    ...once("duplicate-name", "the tunnel name", names(file.tunnels, ["tunnels"])),
    ...once("duplicate-name", "the interface", names(file.interfaces, ["interfaces"])),
    ...once("duplicate-name", "the attachment name", names(file.attachments, ["attachments"])),
    ...once("duplicate-name", "the TUN device name", tunNames(file)),
    ...(file.tunnels ?? []).flatMap((tunnel, i) =>
      once("duplicate-name", "the Child SA name", names(tunnel.children, ["tunnels", i, "children"])),
    ),
  ];
}

function references(file: RouterFile): Finding[] {
  const vrfs = file.vrfs.map(({ name }) => name);
  const there = new Set(vrfs);
  const check = (name: string, path: Path): Finding[] => {
    if (there.has(name)) return [];
    const meant = nearest(name, vrfs);
    return [
      error(
        "unknown-vrf",
        path,
        `there is no VRF "${name}"`,
        meant ? `Did you mean "${meant}"?` : `VRFs: ${vrfs.join(", ")}`,
      ),
    ];
  };
  return [
    ...(file.attachments ?? []).flatMap(({ vrf }, i) => check(vrf, ["attachments", i, "vrf"])),
    ...(file.tunnels ?? []).flatMap((tunnel, i) => check(tunnel.vrf, ["tunnels", i, "vrf"])),
    ...(file.routes ?? []).flatMap((route, i) => check(route.vrf, ["routes", i, "vrf"])),
  ];
}

function outside({ outer }: RouterFile): Finding[] {
  const findings: Finding[] = [];
  if (outer?.ipv4 === false && outer.ipv6 === false) {
    findings.push(error("no-outside", ["outer"], "both ipv4 and ipv6 are off", "Leave one of them on"));
  }
  if ((outer?.ikePort ?? 500) === (outer?.natPort ?? 4500)) {
    findings.push(
      error(
        "same-port",
        ["outer"],
        "ikePort and natPort are the same",
        "Use two ports; the standard ones are 500 and 4500",
      ),
    );
  }
  return findings;
}
