/**
 * Carries out a write: dry run, repeated request, change, answer; one road for all of them. From the look at the idempotency key to the
 * answer on the disk there is no pause, so of two requests with the same key the second finds the first one's answer.
 */
import { hash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Committed, Plan } from "../desk/desk.ts";
import { ConsoleError, type Fault } from "../error.ts";
import type { Change } from "../model/intent.ts";
import type { Resource } from "../model/resources.ts";
import { WORDS } from "../model/word.ts";
import { type Differences, differences } from "./difference.ts";
import { writer } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";

export interface NewDevice {
  readonly serial: string;
  readonly role: "active" | "standby" | "gateway";
  readonly instance?: string;
  readonly accessPoint?: string;
  readonly key?: string;
}

/** What was done, for the answer. */
export interface Done extends Committed {
  /** Devices that were made, with their keys. */
  readonly devices: readonly NewDevice[];
  /** Only where the write asks for it; else none. */
  readonly concerned: Differences;
}

export interface Outcome {
  readonly status: number;
  /** undefined: none. */
  readonly body?: object;
  readonly location?: string;
  readonly etag?: string;
}

export interface Write {
  /** For the audit: "create instance". */
  readonly action: string;
  readonly plan: Plan;
  /** Runs inside the transaction. */
  readonly also?: (committed: Committed) => void;
  readonly answer: (done: Done) => Outcome;
  /** The dry run's answer besides routers and violations. Default: the first resource as it would be. */
  readonly preview?: (committed: Committed, devices: readonly NewDevice[]) => object;
  /** The answer of the write itself tells the differences of routers too. */
  readonly withRouters?: boolean;
  /** Where in the request a fault's resource stands. */
  readonly locate?: (fault: Fault) => string;
}

export async function perform(
  parts: ConsoleParts,
  request: FastifyRequest,
  reply: FastifyReply,
  write: Write,
): Promise<FastifyReply> {
  const { desk } = parts;
  const plan: Plan = (intent) => {
    const changes = write.plan(intent);
    checkRole(request, changes);
    return changes;
  };
  const { dryRun, routers: most } = request.query as { readonly dryRun?: boolean; readonly routers?: number };
  try {
    if (dryRun) {
      const committed = desk.preview(plan);
      const what = write.preview?.(committed, newDevices(desk.intent, committed)) ?? firstResource(committed);
      return reply.send({ dryRun: true, ...what, ...differences(desk.intent, committed, most), violations: [] });
    }
    const repeated = repeatedAnswer(parts, request);
    if (repeated) return send(reply.header("Idempotency-Replayed", "true"), repeated);
    let outcome: Outcome | undefined;
    await desk.change(request.author, write.action, plan, (committed) => {
      const devices = newDevices(desk.intent, committed).map((device) => ({
        ...device,
        key: parts.fleet.newKey(device.serial),
      }));
      for (const { kind, id, before, after } of committed.changes)
        if (kind === "device" && before && !after) parts.fleet.forget(id);
      write.also?.(committed);
      const concerned = write.withRouters ? differences(desk.intent, committed, most) : { routers: [] };
      outcome = write.answer({ ...committed, devices, concerned });
      keepAnswer(parts, request, outcome);
    });
    return send(reply, outcome!);
  } catch (error) {
    throw located(error, write.locate);
  }
}

function send(reply: FastifyReply, { status, body, location, etag }: Outcome): FastifyReply {
  reply.code(status);
  if (location !== undefined) reply.header("Location", location);
  if (etag !== undefined) reply.header("ETag", etag);
  return reply.send(body);
}

function checkRole({ author }: FastifyRequest, changes: readonly Change[]): void {
  if (author.role === "admin") return;
  for (const change of changes) {
    const what = forAdmins(change);
    if (what === undefined) continue;
    const { name } = (change.after ?? change.before)!;
    throw new ConsoleError(
      403,
      "role",
      `${what} ${name} may be changed by admins only`,
      "Leave it out, or ask an admin",
    );
  }
}

/** What a change is about that operators may not do; undefined: they may. */
function forAdmins({ kind, before, after }: Change): string | undefined {
  if (writer(kind) === "admin") return WORDS[kind].one;
  if (kind === "device")
    return ((after ?? before) as Resource<"device">).role === "gateway" ? "access point" : undefined;
  // Routes of its CEN go into the main table of the gateway's host, and could lead away what the host itself sends.
  const [was, is] = [before, after].map((vpc) =>
    vpc?.kind === "vpc" && vpc.place.kind === "host" ? vpc.accessPoint : undefined,
  );
  return is !== undefined && is !== was ? "the place on the gateway's own host of VPC" : undefined;
}

function firstResource({ changes }: Committed): object {
  const first = changes.find(({ after }) => after);
  return first ? { resource: first.after } : {};
}

/** @param intent from before: what the change makes is in the change */
function newDevices(intent: ConsoleParts["desk"]["intent"], { changes }: Committed): NewDevice[] {
  const made = new Map(changes.map(({ id, after }) => [id, after]));
  return changes.flatMap(({ kind, before, after }): NewDevice[] => {
    if (kind !== "device" || before || !after) return [];
    const { id: serial, role, instance, accessPoint } = after as Resource<"device">;
    if (instance !== null) {
      return [{ serial, role, instance: (made.get(instance) ?? intent.instance.get(instance))!.name }];
    }
    return [{ serial, role, accessPoint: (made.get(accessPoint!) ?? intent["access-point"].get(accessPoint!))!.name }];
  });
}

/** The same user, key, method, path and body. @throws ConsoleError 422: the key stood for another request */
function repeatedAnswer({ desk }: ConsoleParts, request: FastifyRequest): Outcome | undefined {
  const key = idempotencyKey(request);
  if (key === undefined) return undefined;
  const answer = desk.answers.find(request.author.user, key, desk.now());
  if (!answer) return undefined;
  if (answer.request !== fingerprint(request)) {
    throw new ConsoleError(
      422,
      "idempotency-key-reused",
      "this Idempotency-Key was used for another request",
      "Take a new key for each request",
    );
  }
  const { status, location, etag, body } = answer;
  return { status, body: JSON.parse(body), ...(location !== null && { location }), ...(etag !== null && { etag }) };
}

/** Keys of devices are shown once and kept nowhere: the stored answer has none, and says so. */
function keepAnswer({ desk }: ConsoleParts, request: FastifyRequest, outcome: Outcome): void {
  const key = idempotencyKey(request);
  if (key === undefined) return;
  desk.answers.keep(request.author.user, key, desk.now(), {
    request: fingerprint(request),
    status: outcome.status,
    location: outcome.location ?? null,
    etag: outcome.etag ?? null,
    body: JSON.stringify(withoutKeys(outcome.body ?? {})),
  });
}

function withoutKeys(body: object): object {
  const { key, devices, ...rest } = body as { readonly key?: string; readonly devices?: readonly NewDevice[] };
  const shown = key !== undefined || (devices ?? []).some((device) => device.key !== undefined);
  return {
    ...rest,
    ...(devices && { devices: devices.map(({ key: _, ...device }) => device) }),
    ...(shown && { keysShown: true }),
  };
}

function idempotencyKey(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  return typeof key === "string" ? key : undefined;
}

function fingerprint(request: FastifyRequest): string {
  return hash("sha256", `${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`);
}

/** An error of the intent with paths of the request. */
function located(error: unknown, locate: ((fault: Fault) => string) | undefined): unknown {
  if (!locate || !(error instanceof ConsoleError) || !error.violations) return error;
  const faults = error.violations.map((fault) => ({ ...fault, path: locate(fault) }));
  const { status, code, message, next } = error;
  return new ConsoleError(status, code, message, next, { path: faults[0].path, violations: faults });
}
