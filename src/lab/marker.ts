/** Random plaintext that is sent through the tunnels, to be looked for where it must not be. */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { inside, run } from "./command.ts";
import { Daemon, START } from "./daemon.ts";
import { LabFault } from "./fault.ts";
import type { LabState } from "./state.ts";

/** Port of the echo servers. */
const ECHO_PORT = 7007;
const ECHO_PROGRAM = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./echo.ts" : "./echo.js", import.meta.url),
);

/** 16 random bytes: as many as `ping -p` takes; by chance they turn up in 1 GB of ciphertext once in 10^29 runs. */
export function newMarker(): Uint8Array {
  return randomBytes(16);
}

/** Starts an echo server inside a namespace. */
export async function serveEcho(state: LabState, place: string, namespace: string): Promise<Daemon> {
  const argv = [process.execPath, ECHO_PROGRAM, "serve", String(ECHO_PORT)];
  const daemon = Daemon.start({ state, what: `echo ${place}`, namespace, argv });
  await daemon.until(() => daemon.said().includes("serving"), "it listened", START, 10);
  return daemon;
}

/** How long a marker that should not come back is waited for, ms. */
const IN_VAIN = 3000;
/** How long one that should: a machine that is busy with something else brings it late. */
const PATIENCE = 10_000;

export interface CarryOptions {
  /** It is to be refused; so what is not back after 3 s is. */
  readonly refused?: boolean;
  readonly signal?: AbortSignal;
}

/** Carries the marker over TCP and UDP from inside `namespace` to the echo server at `address` and back. */
export async function carry(
  namespace: string,
  address: string,
  marker: Uint8Array,
  { refused = false, signal }: CarryOptions = {},
): Promise<{ tcp: boolean; udp: boolean }> {
  const hex = Buffer.from(marker).toString("hex");
  const argv = [
    process.execPath,
    ECHO_PROGRAM,
    "send",
    address,
    String(ECHO_PORT),
    hex,
    String(refused ? IN_VAIN : PATIENCE),
  ];
  const said = await run(inside(namespace, argv), { timeoutMs: PATIENCE + 30_000, ...(signal ? { signal } : {}) });
  try {
    return JSON.parse(said) as { tcp: boolean; udp: boolean };
  } catch {
    throw new LabFault("bad-output", `The echo sender in ${namespace} said: ${said}`);
  }
}

/** A TCP connection from inside `namespace` to the echo server at `address`; open when the call returns. It says "cut" when it is. */
export async function holdOpen(state: LabState, place: string, namespace: string, address: string): Promise<Daemon> {
  const argv = [process.execPath, ECHO_PROGRAM, "hold", address, String(ECHO_PORT)];
  const daemon = Daemon.start({ state, what: `connection ${place}`, namespace, argv });
  await daemon.until(() => daemon.said().includes("open"), "its connection was open", START);
  return daemon;
}
