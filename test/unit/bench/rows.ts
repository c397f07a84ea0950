/** Results as bench net and bench spec give them, small. */
import { type Machine, machine } from "../../../bench/machine.ts";
import type { NetResult, NetRow } from "../../../bench/net/net.ts";
import { ratios } from "../../../bench/net/ratios.ts";
import type { SpecResult } from "../../../bench/net/spec.ts";

export const MACHINE: Machine = {
  ...machine(["bench", "net"]),
  cpu: "A CPU",
  cores: 2,
  memoryGb: 4,
  kernel: "6.18.0",
  hypervisor: "KVM",
  node: "v26.10.0",
  date: "2026-11-21T12:00:00.000Z",
  loadBefore: 0.1,
};

/** `cost`: CPU seconds per Gbit of the sending and the receiving router. */
export function row(
  system: string,
  goodputMbps: number,
  cost: readonly [number, number] | null,
  more: Partial<NetRow> = {},
): NetRow {
  return {
    system,
    test: "udp-1024",
    pin: true,
    offload: true,
    goodputMbps,
    lossPct: 0,
    cpuSecondsPerGbit: { tx: cost?.[0] ?? null, rx: cost?.[1] ?? null },
    rttAddedMs: 0.1,
    rssMb: cost === null ? null : 140,
    ...more,
  };
}

export function net(rows: NetRow[], more: Partial<NetResult["machine"]> = {}): NetResult {
  return {
    machine: {
      ...MACHINE,
      wholeCpuSecondsPerGbit: rows.map(() => 1),
      limit: rows.map(() => "path"),
      failed: [],
      seconds: 1,
      quick: false,
      interrupted: false,
      ...more,
    },
    rows,
    ratios: ratios(rows),
  };
}

export const ROWS: readonly NetRow[] = [
  row("plain forwarding", 2800, null),
  row("vcpe chacha20poly1305", 1800, [0.2, 0.25]),
  row("vcpe aes128gcm16", 1900, [0.2, 0.2]),
  row("wireguard-go 0.0.20220316", 350, [1, 1.25]),
  row("wireguard-go 0.0.20250522", 1200, [0.4, 0.5]),
  row("strongswan 5.9.8 libipsec aes128gcm16", 370, [1, 1.5]),
];

export const SPEC: SpecResult = {
  machine: { ...MACHINE, command: "vcpe bench spec", confinedBy: ["cgroup v1", "cgroup v1"], quick: false },
  rows: [
    { cores: 1, memoryMb: 2048, targetMbps: 200, mbps: 1400, multiple: 7, pass: true },
    { cores: 2, memoryMb: 4096, targetMbps: 350, mbps: 340, multiple: 0.97, pass: false },
  ],
};
