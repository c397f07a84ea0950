/** What the fast path is meant to reach, and whether the results at hand say that it does. */
import { table } from "../src/cli/table.ts";
import { round } from "./median.ts";
import type { NetResult, NetRow } from "./net/net.ts";
import { alike, isOurs, slowerPerCore } from "./net/ratios.ts";
import type { Results } from "./results.ts";

export interface Target {
  /** The bench that answers it: "net", "path", "soak", "micro" or "spec". */
  readonly bench: string;
  readonly what: string;
  readonly target: string;
  /** In the target's unit; null: the results do not say. */
  readonly reached: string | null;
  /** null: the results do not say. */
  readonly ok: boolean | null;
}

const CHACHA = "vcpe chacha20poly1305";
const AES = "vcpe aes128gcm16";

/** All targets in their order; those that the results cannot answer have null. */
export function targets({ net, path, soak, micro, spec }: Results): Target[] {
  return [...netTargets(net), ...pathTargets(path), ...soakTargets(soak), ...fibTargets(micro), ...specTargets(spec)];
}

export function targetLines(list: readonly Target[]): string[] {
  const verdict = ({ ok }: Target) => (ok === null ? "not measured" : ok ? "ok" : "no");
  return table(
    ["bench", "target", "wanted", "reached", ""],
    list.map((each) => [each.bench, each.what, each.target, each.reached ?? "–", verdict(each)]),
  );
}

/** At least (`sign` 1) or at most (−1) so much; `value` undefined: not measured. */
function bound(bench: string, what: string, sign: 1 | -1, limit: number, unit: string, value?: number): Target {
  const known = value !== undefined && Number.isFinite(value);
  return {
    bench,
    what,
    target: `${sign > 0 ? "≥" : "≤"} ${limit.toLocaleString("en")} ${unit}`,
    reached: known ? `${round(value, 2).toLocaleString("en")} ${unit}` : null,
    ok: known ? sign * value >= sign * limit : null,
  };
}

/** The wireguard-go with the highest version among the rows; undefined: none was measured. */
export function newestWireguard(rows: readonly NetRow[]): string | undefined {
  const names = [...new Set(rows.map((row) => row.system))].filter((name) => name.startsWith("wireguard-go"));
  return names.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
}

function netTargets(net: NetResult | undefined): Target[] {
  const rows = (net?.rows ?? []).filter((row) => row.pin);
  const wireguard = newestWireguard(rows);
  const find = (system: string | undefined, test: string, offload: boolean) =>
    rows.find(
      (row) => system !== undefined && row.system.startsWith(system) && row.test === test && row.offload === offload,
    );
  const perCore = (row: NetRow | undefined) => (row === undefined ? undefined : (slowerPerCore(row) ?? undefined));
  const times = (ours: number | undefined, theirs: number | undefined) =>
    ours === undefined || theirs === undefined || theirs === 0 ? undefined : ours / theirs;
  const list: Target[] = [];
  const against = (
    what: string,
    own: string,
    test: string,
    offload: boolean,
    theirs: string | undefined,
    limit: number,
  ) =>
    list.push(
      bound("net", what, 1, limit, "×", times(perCore(find(own, test, offload)), perCore(find(theirs, test, offload)))),
    );
  const aim = (what: string, test: string, offload: boolean, limit: number) =>
    list.push(bound("net", what, 1, limit, "Mbit/s", perCore(find(CHACHA, test, offload))));
  const named = wireguard ?? "wireguard-go";
  const on = "1024-byte UDP, GRO forwarding on";
  const off = "1024-byte UDP, one packet a read";
  against(`${on}: per core, against ${named}`, CHACHA, "udp-1024", true, wireguard, 1.3);
  aim(`${on}: per core (aim)`, "udp-1024", true, 4000);
  against(`${off}: per core, against ${named}`, CHACHA, "udp-1024", false, wireguard, 1.5);
  against(`${off}: per core, against OpenVPN`, CHACHA, "udp-1024", false, "openvpn", 1.5);
  aim(`${off}: per core (aim)`, "udp-1024", false, 1600);
  for (const offload of [false, true]) {
    const tcp = `TCP, one flow, offload ${offload ? "on" : "off"}`;
    against(`${tcp}: per core, against ${named}`, CHACHA, "tcp-1", offload, wireguard, 1.3);
    aim(`${tcp}: per core (aim)`, "tcp-1", offload, 6000);
    against(`${tcp}, AES-128-GCM: per core, against ${named}`, AES, "tcp-1", offload, wireguard, 1);
    const swan = rows.find((row) => /^strongswan .*aes128gcm16$/.test(row.system))?.system;
    against(`${tcp}, AES-128-GCM: per core, against strongSwan libipsec`, AES, "tcp-1", offload, swan, 5);
  }
  // Where one was measured with the same settings; the worst of these counts.
  const added = rows.flatMap((row) => {
    const theirs = rows.find((other) => other.system === wireguard && alike(row, other))?.rttAddedMs;
    if (row.system !== CHACHA || row.rttAddedMs === null || theirs === undefined || theirs === null) return [];
    return [{ ours: row.rttAddedMs, theirs }];
  });
  const worst = added.sort((a, b) => b.ours - b.theirs - (a.ours - a.theirs))[0];
  list.push(bound("net", `RTT added, against ${named}`, -1, worst?.theirs ?? 0.26, "ms", worst?.ours));
  const memory = (net?.rows ?? []).flatMap((row) => (isOurs(row.system) && row.rssMb !== null ? [row.rssMb] : []));
  list.push(
    bound("net", "memory of a router under load", -1, 250, "MB", memory.length ? Math.max(...memory) : undefined),
  );
  return list;
}

function pathTargets(path: Results["path"]): Target[] {
  const row = (sas: number) =>
    path?.rows.find((one) => one.cipher === "chacha20poly1305" && one.size === "1024" && one.sas === sas);
  const list: Target[] = [bound("path", "two workers against one, pinned", 1, 1.9, "×", path?.scaling?.ratio)];
  for (const [sas, limit, name] of [
    [1, 1000, "1 SA"],
    [10_000, 1300, "10,000 SAs"],
  ] as const) {
    list.push(bound("path", `1024 bytes outbound, ${name}`, -1, limit, "ns", row(sas)?.outNs));
    list.push(bound("path", `1024 bytes inbound, ${name}`, -1, limit, "ns", row(sas)?.inNs));
  }
  return list;
}

function soakTargets(soak: Results["soak"]): Target[] {
  const row = soak?.rows[0];
  return [
    {
      bench: "soak",
      what: "no drift, no leak, over a wrap of the low half of the sequence number",
      target: "≥ 200,000,000 packets",
      reached:
        row === undefined ? null : `${row.packets.toLocaleString("en")} packets, ${row.pass ? "passed" : "failed"}`,
      ok: row === undefined ? null : row.pass && row.packets >= 200e6,
    },
  ];
}

function fibTargets(micro: Results["micro"]): Target[] {
  /** The quickest way to do it: the road looks up a batch side by side where that is quicker than one by one. */
  const rate = (kernel: string) => {
    const own = (micro?.rows ?? []).filter((row) => row.kernel.startsWith(kernel) && row.by === "vcpe");
    return own.length === 0 ? undefined : Math.max(...own.map((row) => row.perSecond));
  };
  const millions = (value: number | undefined) => (value === undefined ? undefined : value / 1e6);
  const load = micro?.rows.find((row) => row.kernel.startsWith("fib: load"))?.nsEach;
  return [
    bound("micro", "FIB: IPv4 lookups, random", 1, 60, "M/s", millions(rate("fib: IPv4 lookup, uniformly random"))),
    // Most of 2000::/3 is nobody's, and ends at the first step: prefixes that somebody announces are what is hard.
    bound("micro", "FIB: IPv6 lookups, random", 1, 25, "M/s", millions(rate("fib: IPv6 lookup, random announced"))),
    bound("micro", "FIB: load of the table", -1, 1.5, "s", load === undefined ? undefined : load / 1e9),
    bound("micro", "FIB: updates", 1, 200, "k/s", (rate("fib: update") ?? Number.NaN) / 1000),
    bound("micro", "FIB: memory", -1, 96, "MiB", micro?.machine.fibMiB),
    bound("micro", "FIB: memory of 1,000 VRFs × 100 routes", -1, 64, "MiB", micro?.machine.vrfsMiB),
  ];
}

function specTargets(spec: Results["spec"]): Target[] {
  return [
    [1, 200],
    [2, 350],
  ].map(([cores, limit]) => {
    const what = `${cores === 1 ? "1 core, 2 GB" : "2 cores, 4 GB"}, 1024-byte packets`;
    return bound("spec", what, 1, limit!, "Mbit/s", spec?.rows.find((row) => row.cores === cores)?.mbps);
  });
}
