/** The devices as the console knows them: who may enrol, who is connected, what each runs, and what is seen of it. */
import { randomBytes } from "node:crypto";
import type { Server } from "node:https";
import type { DatabaseSync } from "node:sqlite";
import type { FastifyInstance } from "fastify";
import { enrolmentSecret } from "../../protocol/enrol.ts";
import { makeDeviceKey, readDeviceKey } from "../../protocol/key.ts";
import type { Log } from "../../router/log.ts";
import type { Authority } from "../ca/ca.ts";
import type { Observed, ObservedTunnel } from "../model/observed.ts";
import type { NewEvent } from "../store/events.ts";
import { Book } from "./book.ts";
import type { FleetDesk } from "./desk.ts";
import { Enrolment } from "./enrolment.ts";
import { Hub } from "./hub.ts";
import { RootsDesk } from "./roots.ts";
import { enrolmentRoutes } from "./routes.ts";
import { Sight } from "./sight.ts";

/** `turned`: names of tunnels that are or carry what they did not before, or are no more. */
export type ObservedListener = (
  device: string,
  now: Observed,
  before: Observed | undefined,
  turned: readonly string[],
) => void;

export interface Fleet {
  /** Undefined: never enrolled, never heard of since the console started. */
  observed(device: string): Observed | undefined;
  /** A tunnel of a device that is connected; undefined: it is not, or has not reported one of this name. */
  tunnel(device: string, name: string): ObservedTunnel | undefined;
  onObserved(listener: ObservedListener): void;
  /**
   * A fresh key for the device, to be shown once; what is kept is derived from it. Any host may enrol with it, the older key is void.
   * Writes to the database only: call it in the transaction that makes the device or raises its generation.
   */
  newKey(device: string): string;
  /** The device is deleted. In its transaction. */
  forget(device: string): void;
  /** Another host may enrol. In the transaction that raises the device's generation. */
  release(device: string): void;
  /** /v1/enrol/begin and /finish. */
  register(app: FastifyInstance): Promise<void>;
  /** WebSocket /v1/agent; the server must ask for certificates of clients, see httpsOptions. */
  attach(server: Server): void;
  /** The console's HTTPS certificate will be from these roots, as `server` in FleetParts: devices are told. */
  trust(roots: readonly string[] | null): Promise<void>;
  close(): Promise<void>;
}

export interface FleetParts {
  readonly desk: FleetDesk;
  readonly authority: Authority;
  readonly log: Log;
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number;
  /** PEM roots of the console's HTTPS certificate, when it is not the authority's own; null: one that systems trust. */
  readonly server?: readonly string[] | null;
}

export function openFleet(database: DatabaseSync, parts: FleetParts): Fleet {
  const { desk, authority, log, now = Date.now } = parts;
  const book = new Book(database);
  const event = (one: NewEvent) => desk.event(one);
  const sights = new Map<string, Sight>();
  /** Generation of the identity that each device has. */
  const issued = book.issued();
  const listeners: ObservedListener[] = [];
  const last = new Map<string, Observed>();

  const sight = (device: string): Sight => {
    const known = sights.get(device);
    if (known) return known;
    const fresh = new Sight();
    sights.set(device, fresh);
    return fresh;
  };
  /** Has it an identity, or had it one of an earlier generation since the console started? */
  const joined = (device: string) => issued.has(device) || sights.has(device);
  const observed = (device: string): Observed | undefined => {
    const resource = desk.intent.device.get(device);
    const identity = issued.get(device);
    const enrolled = identity !== undefined && identity === resource?.generation;
    const known = sights.get(device);
    if (!known && !enrolled) return undefined;
    const gateway = resource?.role === "gateway";
    const expected = gateway ? (tunnel: string) => joined(peerOf(tunnel)) : () => true;
    return (known ?? new Sight()).observed(desk.versionOf(device), enrolled, hub.inFlight(device), expected);
  };
  const seen = (device: string, turned: readonly string[] = []): void => {
    const after = observed(device);
    const before = last.get(device);
    if (!after) return;
    last.set(device, after);
    for (const listener of listeners) listener(device, after, before, turned);
  };
  const server = parts.server === undefined ? [authority.root] : parts.server;
  const roots = new RootsDesk({ database, authority, log, now }, server);
  const hub = new Hub({ desk, authority, log, now, roots, event, sight, seen });
  const enrolment = new Enrolment({
    desk,
    authority,
    book,
    roots,
    log,
    now,
    event,
    enrolled: (device, generation) => {
      issued.set(device, generation);
      sight(device);
      seen(device);
    },
  });

  desk.onCommitted(({ changes, deltas }) => {
    for (const { kind, id, after } of changes) {
      if (kind !== "device") continue;
      hub.recheck(id);
      if (after) continue;
      sights.delete(id);
      last.delete(id);
      issued.delete(id);
    }
    hub.changed(deltas);
    // Who is away does not run what is wanted any more; who is there is told, and that is seen then.
    for (const router of deltas.keys()) if (sights.has(router) && !hub.connected(router)) seen(router);
  });

  return {
    observed,
    tunnel: (device, name) => sights.get(device)?.tunnel(name),
    onObserved: (listener) => void listeners.push(listener),
    newKey(device) {
      const key = makeDeviceKey((length) => randomBytes(length));
      const bytes = readDeviceKey(key) as Uint8Array;
      book.setSecret(device, enrolmentSecret(device, bytes));
      bytes.fill(0);
      return key;
    },
    forget: (device) => book.forget(device),
    release: (device) => book.release(device),
    register: (app) => enrolmentRoutes(app, enrolment, roots),
    attach: (server) => hub.attach(server),
    trust: (after) => roots.change(after),
    async close() {
      hub.close();
    },
  };
}

/** A gateway names its tunnels by the serial number of the far side; those to other gateways have the VRF before it. */
function peerOf(tunnel: string): string {
  return tunnel.slice(tunnel.lastIndexOf(".") + 1);
}
