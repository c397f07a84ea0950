/** What the lab proves: reachability, throughput, NAT, and that nothing crosses the internet in the clear. */
import { Capture, NOT_TUNNEL } from "./capture.ts";
import { LabFault } from "./fault.ts";
import { type Throughput, type TrafficOptions, traffic, unread } from "./iperf.ts";
import { type Lab, step } from "./lab.ts";
import { carry, newMarker } from "./marker.ts";
import { ping } from "./ping.ts";
import { NAT_ADDRESS, SITES } from "./plan.ts";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface TrafficRow {
  readonly name: string;
  readonly mbps: number;
  readonly lossPct: number;
}

export interface LabReport {
  readonly checks: Check[];
  readonly traffic: TrafficRow[];
}

type Family = "ipv4" | "ipv6";

/** A pair of hosts that talk through the tunnels. */
interface Flow {
  readonly name: string;
  /** Place of the sender, place of the receiver. */
  readonly from: string;
  readonly to: string;
}

const FLOWS: readonly Flow[] = [
  { name: "branch-a→vpc", from: "branch-a-lan", to: "vpc" },
  { name: "branch-b→vpc", from: "branch-b-lan", to: "vpc" },
  { name: "branch-a→branch-b", from: "branch-a-lan", to: "branch-b-lan" },
];
const FAMILIES: readonly Family[] = ["ipv4", "ipv6"];

export interface CheckOptions {
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Seconds per TCP and UDP run. */
  readonly seconds?: number;
  /** Offered UDP load per run, 10^6 bits of payload a second. */
  readonly offeredMbps?: number;
}

/** UDP at this modest load must arrive; the odd datagram that a busy machine drops is no fault of the tunnel. */
const UDP_LOSS_ALLOWED_PCT = 1;
/** A machine that is busy with something else may spoil one run; not three. */
const UDP_TRIES = 3;

function addressOf(host: string, family: Family): string {
  return SITES.find((site) => site.host === host)!.hostAddresses[family];
}

/** Runs `work`; a fault becomes a failed check, so that the others still run. Ctrl-C goes through. */
export async function checked(name: string, work: () => Promise<Omit<Check, "name">>): Promise<Check> {
  try {
    return { name, ...(await work()) };
  } catch (fault) {
    if (fault instanceof LabFault && fault.code === "interrupted") throw fault;
    return { name, ok: false, detail: fault instanceof Error ? fault.message : String(fault) };
  }
}

/** Runs every check on a lab whose routers run. */
export async function runChecks(lab: Lab, options: CheckOptions): Promise<LabReport> {
  const { say } = options;
  const report: LabReport = { checks: [], traffic: [] };
  const watch = await Capture.start(lab.state, "internet-intruders", lab.namespace("internet"), NOT_TUNNEL);
  const marker = newMarker();
  const outside = await Capture.start(lab.state, "internet", lab.namespace("internet"));
  const within = await Capture.start(lab.state, "vpc", lab.namespace("vpc"));
  await step(say, "ping: 3 pairs, IPv4 and IPv6", async () =>
    report.checks.push(...(await pings(lab, marker, options))),
  );
  await step(say, "marker over TCP and UDP, there and back", async () =>
    report.checks.push(...(await markers(lab, marker, options))),
  );
  await step(say, "captures read", async () => {
    await Promise.all([outside.stop(), within.stop()]);
    report.checks.push(...(await secrecy(outside, within, marker)));
  });
  await step(say, "TCP: 3 pairs, IPv4 and IPv6", () => throughput(lab, "tcp", report, options));
  await step(say, "UDP, 1024-byte datagrams: 3 pairs, IPv4 and IPv6", () => throughput(lab, "udp", report, options));
  await watch.stop();
  report.checks.push(await onlyTunnels(watch), await behindNat(lab), ...(await health(lab)));
  return report;
}

function pairs(): { flow: Flow; family: Family }[] {
  return FLOWS.flatMap((flow) => FAMILIES.map((family) => ({ flow, family })));
}

function pings(lab: Lab, marker: Uint8Array, { signal }: CheckOptions): Promise<Check[]> {
  return Promise.all(
    pairs().map(({ flow, family }) =>
      checked(`ping ${flow.name} ${family}`, async () => {
        const options = {
          count: 20,
          interval: 0.05,
          patience: 10,
          size: 120,
          pattern: marker,
          ...(signal ? { signal } : {}),
        };
        const result = await ping(lab.namespace(flow.from), addressOf(flow.to, family), options);
        const rtt = result.rttMs === undefined ? "" : `, ${result.rttMs.toFixed(2)} ms`;
        return { ok: result.received === result.sent, detail: `${result.received} of ${result.sent} came back${rtt}` };
      }),
    ),
  );
}

function markers(lab: Lab, marker: Uint8Array, { signal }: CheckOptions): Promise<Check[]> {
  return Promise.all(
    pairs().map(({ flow, family }) =>
      checked(`marker ${flow.name} ${family}`, async () => {
        const came = await carry(
          lab.namespace(flow.from),
          addressOf(flow.to, family),
          marker,
          signal ? { signal } : {},
        );
        const lost = [came.tcp ? "" : "TCP", came.udp ? "" : "UDP"].filter((name) => name !== "");
        if (lost.length > 0) return { ok: false, detail: `did not come back over ${lost.join(", ")}` };
        return { ok: true, detail: "came back over TCP and UDP" };
      }),
    ),
  );
}

/** The marker must be in the inner capture (else the proof proves nothing) and nowhere in the outer one. */
async function secrecy(outside: Capture, within: Capture, marker: Uint8Array): Promise<Check[]> {
  return [
    await checked("marker is seen inside (the proof works)", async () => {
      const seen = within.sees(marker);
      return {
        ok: seen,
        detail: `${seen ? "found" : "not found"} in ${within.packets().length} packets captured in vpc`,
      };
    }),
    await checked("no plaintext outside", async () => {
      const packets = outside.packets().length;
      const seen = outside.sees(marker);
      const detail = `marker ${seen ? "FOUND" : "not found"} in ${packets} packets captured on the internet side`;
      return { ok: !seen && packets > 0, detail };
    }),
    await checked("capture outside: only IKE and ESP-in-UDP", async () => {
      const found = outside.intruders();
      const detail =
        found.length === 0
          ? `${outside.packets().length} packets, all of them`
          : `also ${found.slice(0, 5).join("; ")}`;
      return { ok: found.length === 0, detail };
    }),
  ];
}

/** One after the other: two at once would share the machine and say nothing of either. */
async function throughput(lab: Lab, protocol: "tcp" | "udp", report: LabReport, options: CheckOptions): Promise<void> {
  const { signal, seconds = 2, offeredMbps = 50 } = options;
  for (const { flow, family } of pairs()) {
    const name = `${protocol} ${flow.name} ${family}`;
    const check = await checked(name, async () => {
      const load = protocol === "udp" ? { offeredMbps } : {};
      const run = { protocol, seconds, ...load, ...(signal ? { signal } : {}) };
      let result = await measured(lab, flow, family, run);
      let tries = 1;
      while (protocol === "udp" && result.lossPct > UDP_LOSS_ALLOWED_PCT && tries < UDP_TRIES) {
        result = await measured(lab, flow, family, run);
        tries++;
      }
      const { mbps, lossPct, late } = result;
      report.traffic.push({ name, mbps: round(mbps), lossPct: round(lossPct) });
      const ok = mbps > 0 && (protocol === "tcp" || lossPct <= UDP_LOSS_ALLOWED_PCT);
      const unread = late === 0 ? "" : ` on the way, ${late} datagrams unread by a busy iperf3`;
      const again = tries === 1 ? "" : ` (try ${tries})`;
      return { ok, detail: `${mbps.toFixed(0)} Mbit/s, ${lossPct.toFixed(2)} % lost${unread}${again}` };
    });
    report.checks.push(check);
  }
}

/** One run; what iperf3 did not read in time had come through the tunnel all the same, and is no loss of the path's. */
async function measured(
  lab: Lab,
  flow: Flow,
  family: Family,
  run: TrafficOptions,
): Promise<Throughput & { late: number }> {
  const receiver = lab.namespace(flow.to);
  const before = await unread(receiver);
  const result = await traffic(lab.namespace(flow.from), addressOf(flow.to, family), run);
  const late = run.protocol === "udp" ? (await unread(receiver)) - before : 0;
  const lossPct = late === 0 ? result.lossPct : Math.max(0, result.lossPct - (late / result.packets) * 100);
  return { ...result, lossPct, late };
}

/** The capture that ran all the while and kept only what is neither IKE, nor ESP-in-UDP, nor ARP. */
function onlyTunnels(watch: Capture): Promise<Check> {
  return checked("whole run outside: only IKE and ESP-in-UDP", async () => {
    const found = watch.intruders();
    const detail = found.length === 0 ? "nothing else crossed" : `also ${found.slice(0, 5).join("; ")}`;
    return { ok: found.length === 0, detail };
  });
}

/**
 * The gateway must see branch-b at the NAT's address and at a port of the NAT's choice. Branch-a is behind none, which must be
 * said although both ask for ESP in UDP.
 */
function behindNat(lab: Lab): Promise<Check> {
  return checked("branch-b alone is behind NAT", async () => {
    const [gateway, edge] = await Promise.all([lab.router("gw").status(), lab.router("branch-b").status()]);
    const of = (name: string) => gateway.tunnels.find((candidate) => candidate.name === name);
    const [a, b] = [of("to-branch-a"), of("to-branch-b")];
    const own = edge.tunnels[0]?.nat;
    const found = a?.nat?.remote === false && b?.nat?.remote === true && own?.local === true && own.remote === false;
    const ok = b?.peer.address === NAT_ADDRESS && b.peer.port !== 4500 && found;
    const said = (nat: boolean | null | undefined) => `NAT ${nat ? "" : nat === false ? "not " : "perhaps "}detected`;
    const detail = `the gateway sees it at ${b?.peer.address} port ${b?.peer.port}, ${said(b?.nat?.remote)}; branch-a: ${said(a?.nat?.remote)}`;
    return { ok, detail };
  });
}

/** What a router of the lab may hold resident, megabytes: a worker is a thread of its own with its slots. */
const MEMORY = { base: 150, worker: 50 } as const;

function health(lab: Lab): Promise<Check[]> {
  return Promise.all(
    [...lab.routers.values()].map((router) =>
      checked(`${router.place} is healthy`, async () => {
        const said = await router.status();
        const down = said.tunnels.filter((tunnel) => tunnel.state !== "up").map((tunnel) => tunnel.name);
        const megabytes = said.memory.rss / 1e6;
        const ok = down.length === 0 && megabytes < MEMORY.base + MEMORY.worker * said.workers;
        const ciphers = [...new Set(said.tunnels.flatMap((tunnel) => tunnel.children.map((child) => child.cipher)))];
        const tunnels = down.length === 0 ? `${said.tunnels.length} up` : `down: ${down.join(", ")}`;
        return { ok, detail: `tunnels ${tunnels}; ${ciphers.join(", ")}; ${megabytes.toFixed(0)} MB` };
      }),
    ),
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
