/** The router's local API as its users see it: HTTP on a Unix socket, /run/vcpe/NAME/status.sock. */
import { request } from "node:http";
import { join } from "node:path";
import { LabFault } from "./fault.ts";
import { ROUTER_ROOT } from "./state.ts";

export interface ChildStatus {
  readonly name: string;
  readonly copy: number;
  readonly cipher: string;
  readonly spiIn: string;
  readonly spiOut: string;
  readonly rekeys: number;
  readonly esn: boolean;
  readonly in: { readonly packets: number; readonly bytes: number };
  readonly out: { readonly packets: number; readonly bytes: number };
  readonly replayed: number;
  readonly forged: number;
  readonly selectors: { readonly local: readonly string[]; readonly remote: readonly string[] };
}

export interface TunnelStatus {
  readonly name: string;
  readonly peer: { readonly id: string; readonly address: string | null; readonly port: number | null };
  readonly state: "down" | "connecting" | "up";
  readonly ike: {
    readonly suite: string;
    readonly spiLocal: string;
    readonly spiRemote: string;
    readonly rekeys: number;
    /** How the peer has proved who it is. */
    readonly auth: { readonly kind: string; readonly subject?: string; readonly notAfter?: string };
  } | null;
  /** Behind a NAT: this side, the peer (null: not to be known). */
  readonly nat: { readonly local: boolean; readonly remote: boolean | null } | null;
  readonly rttMs: number | null;
  /** Largest inner packet, bytes. */
  readonly mtu: number;
  /** What goes into the tunnel is held to this rate; null: no limit. */
  readonly shape: {
    readonly bitsPerSecond: number;
    readonly packets: number;
    readonly bytes: number;
    readonly queued: number;
    readonly dropped: number;
    readonly marked: number;
    readonly waiting: number;
    readonly delayMs: number;
  } | null;
  readonly children: readonly ChildStatus[];
  readonly lastError?: { readonly code: string; readonly message: string };
}

export interface RouterStatus {
  readonly name: string;
  readonly pid: number;
  readonly workers: number;
  readonly load: readonly { readonly tunRead: number; readonly udpRead: number }[];
  readonly engines: Readonly<Record<string, string>>;
  /** Of each offload "on", or "off: " and why. */
  readonly offload: Readonly<Record<string, string>>;
  /** GRO forwarding at the interfaces towards the LAN. */
  readonly lan: readonly {
    readonly interface: string;
    readonly via: readonly string[];
    readonly state: "set" | "already" | "off" | "failed";
    readonly reason: string | null;
  }[];
  readonly attachments: readonly {
    readonly name: string;
    readonly state: "up" | "waiting" | "failed";
    readonly reason: string | null;
  }[];
  readonly tunnels: readonly TunnelStatus[];
  readonly routes: readonly { readonly vrf: string; readonly prefix: string; readonly via: string }[];
  readonly filters: readonly {
    readonly name: string;
    readonly rules: readonly { readonly id: string; readonly hits: number }[];
    readonly in: { readonly hits: number };
    readonly out: { readonly hits: number };
  }[];
  readonly flows: { readonly entries: number; readonly limit: number; readonly evicted: number };
  readonly drops: Readonly<Record<string, number>>;
  readonly counters: Readonly<Record<string, number>>;
  readonly ike: Readonly<Record<string, number>>;
  readonly memory: { readonly rss: number; readonly hugePages: string };
}

export interface Answer {
  readonly code: number;
  readonly body: unknown;
}

/** One request to the API of the router called `router`. Fault `status-unreachable` when nobody answers within 5 s. */
export function ask(router: string, method: "GET" | "POST", path: string, body?: unknown): Promise<Answer> {
  const socketPath = join(ROUTER_ROOT, router, "status.sock");
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers =
    text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) =>
      reject(new LabFault("status-unreachable", `${router} does not answer on ${socketPath}: ${error.message}.`));
    const call = request({ socketPath, method, path, headers, timeout: 5000 }, (response) => {
      let said = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        said += piece;
      });
      response.on("error", refuse);
      response.on("end", () => {
        try {
          resolve({ code: response.statusCode ?? 0, body: said === "" ? undefined : JSON.parse(said) });
        } catch {
          refuse(new Error(`not JSON: ${said.slice(0, 200)}`));
        }
      });
    });
    call.on("timeout", () => call.destroy(new Error("no answer within 5 s")));
    call.on("error", refuse);
    call.end(text);
  });
}

/** What a router says of itself. */
export async function status(router: string): Promise<RouterStatus> {
  const { code, body } = await ask(router, "GET", "/status");
  if (code !== 200)
    throw new LabFault("status-unreachable", `${router} answered ${code} to GET /status: ${JSON.stringify(body)}.`);
  return body as RouterStatus;
}
