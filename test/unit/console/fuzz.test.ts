/**
 * Requests made of the OpenAPI document, thrown at the API. VCPE_FUZZ_SECONDS for more than a few. Whatever comes: never a 500, never a
 * success beyond the role or on a stale ETag, every answer as documented; no refusal and no dry run leaves a trace, and what is sent again with its
 * Idempotency-Key is answered again and not done. Afterwards the intent keeps the rules, compiles to what the desk has, and stands on the disk as in
 * memory.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Check, Errors } from "typebox/value";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../src/console/api/specs.ts";
import { compile } from "../../../src/console/compile/compile.ts";
import { EMPTY } from "../../../src/console/model/intent.ts";
import type { Kind } from "../../../src/console/model/resources.ts";
import { violations } from "../../../src/console/model/rules.ts";
import { WORDS } from "../../../src/console/model/word.ts";
import { ResourceTable } from "../../../src/console/store/resources.ts";
import { type Document, inlined, operations } from "./document.ts";
import { type Attempt, attempts, type Pick } from "./requests.ts";
import { type Answer, ask, openRig, type Rig } from "./rig.ts";

const SECONDS = Number(process.env.VCPE_FUZZ_SECONDS ?? 5);
const folder = mkdtempSync(join(tmpdir(), "vcpe-fuzz-"));
const seen = new Map<number, number>();
let rig: Rig;
let document: Document;
beforeAll(async () => {
  rig = await openRig(join(folder, "console.db"));
  // The kill test is about the disk; here it would only be slow.
  rig.database.exec("PRAGMA synchronous = OFF");
  document = (await ask(rig, "GET", "/openapi.json")).body;
});
afterAll(async () => {
  await rig.close();
  rmSync(folder, { recursive: true });
});

const RANK: Readonly<Record<string, number>> = { public: 0, viewer: 1, operator: 2, admin: 3 };

/** The stream does not end; it has tests of its own. */
const tried = () => operations(document).filter(({ operationId }) => operationId !== "streamEvents");

async function attempt(attempt: Attempt): Promise<void> {
  const { operation, role } = attempt;
  const [, plural] = operation.path.split("/");
  const kind = (Object.keys(WORDS) as Kind[]).find((one) => WORDS[one].many === plural);
  const ids = attempt.path.map((value) => String(resolved(value, kind)));
  const path = operation.path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(safe(ids.shift()!)));
  const query = Object.entries(attempt.query).map(
    ([key, value]) => `${key}=${encodeURIComponent(safe(String(resolved(value))))}`,
  );
  const here =
    kind && attempt.path.length > 0 ? rig.desk.find(kind, String(resolved(attempt.path[0], kind))) : undefined;
  const tags = { none: undefined, current: `"${here?.version ?? 1}"`, stale: '"9999"', any: "*", junk: "x" };
  const tag = tags[attempt.ifMatch];
  const headers = {
    "x-role": role,
    ...(tag !== undefined && { "if-match": tag }),
    ...(attempt.ifNoneMatch !== undefined && { "if-none-match": attempt.ifNoneMatch }),
    ...(attempt.key !== undefined && { "idempotency-key": attempt.key }),
    ...(attempt.body !== undefined && { "content-type": "application/json" }),
  };
  const body = attempt.body === undefined ? undefined : (JSON.stringify(resolved(attempt.body)) ?? "");
  const url = `${path}${query.length > 0 ? `?${query.join("&")}` : ""}`;
  const before = traces();
  const reply = await ask(rig, operation.method, url, body, headers);
  seen.set(reply.status, (seen.get(reply.status) ?? 0) + 1);
  const what = `${operation.method} ${url} as ${role}: ${reply.status} ${JSON.stringify(reply.body).slice(0, 500)}`;
  expect(reply.status, what).toBeLessThan(500);
  if (reply.status < 400) {
    expect(RANK[role] ?? 0, what).toBeGreaterThanOrEqual(RANK[operation.role]);
    const takes = operation.parameters.some(({ name }) => name === "if-match");
    const repeated = reply.headers["idempotency-replayed"] === "true";
    if (takes && !repeated) expect(["none", "current", "any"], what).toContain(attempt.ifMatch);
  }
  const writes = operation.method !== "GET";
  if (!writes || reply.status >= 400 || reply.body?.dryRun) expect(traces(), what).toEqual(before);
  if (attempt.query.dryRun === true && writes && reply.status < 400) expect(reply.body.dryRun, what).toBe(true);
  const keyed = operation.parameters.some(({ name }) => name === "idempotency-key") && attempt.key !== undefined;
  if (keyed && reply.status < 400 && !reply.body.dryRun) {
    const after = traces();
    const again = await ask(rig, operation.method, url, body, headers);
    const of = (answer: Answer) => [
      answer.status,
      answer.headers.etag,
      answer.headers.location,
      withoutKeys(answer.body),
    ];
    expect(of(again), what).toEqual(of(reply));
    expect(again.headers["idempotency-replayed"], what).toBe("true");
    expect(traces(), what).toEqual(after);
  }
  const documented = operation.responses[String(reply.status)];
  // A path that is not even routed (a slash or nothing for an id) has no operation.
  if (reply.status !== 404 || documented) expect(documented, what).toBeDefined();
  const schema = documented?.content?.["application/json"]?.schema;
  if (schema && typeof reply.body === "object") {
    const whole = inlined(document, schema);
    if (!Check(whole, reply.body)) expect(Errors(whole, reply.body), what).toEqual([]);
  }
}

/** What a write that was done leaves: a revision, lines of the record, answers that are kept, keys. */
function traces(): unknown {
  const { database } = rig;
  const count = (of: string) => Object.values(database.prepare(`SELECT ${of}`).get() ?? {})[0];
  return {
    revision: [rig.desk.revision, count("number FROM revision")],
    audit: count("max(id) FROM audit"),
    answers: count("count(*) FROM answer"),
    keys: rig.fleet.keys().length,
  };
}

function withoutKeys({ key: _, keysShown: _k, devices, ...rest }: Record<string, unknown>): unknown {
  return { ...rest, devices: (devices as { key?: string }[] | undefined)?.map(({ key: _, ...device }) => device) };
}

/** Picks become names and ids of what exists: of `kind`, or of any. */
function resolved(value: unknown, kind?: Kind): unknown {
  if (Array.isArray(value)) return value.map((item) => resolved(item));
  if (typeof value !== "object" || value === null) return value;
  const { $pick, kind: own } = value as Partial<Pick>;
  if (typeof $pick === "number") {
    if (own) return resolved({ $pick }, own);
    const all = Object.values(kind ? { [kind]: rig.desk.intent[kind] } : rig.desk.intent).flatMap((map) => [
      ...map.values(),
    ]);
    const one = all[$pick % Math.max(1, all.length)];
    return one ? ($pick % 2 === 0 ? one.id : one.name) : "none";
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolved(item)]));
}

/** Halves of surrogate pairs cannot stand in an address. */
function safe(text: string): string {
  return text.toWellFormed();
}

/** Back to the tutorial's first branch, activated. */
async function reset(): Promise<void> {
  const resources = OWN_KINDS.map((kind) => ({ kind, ...EXAMPLES[kind] }));
  expect((await ask(rig, "POST", "/apply", { resources: [], prune: true })).status).toBe(200);
  expect((await ask(rig, "POST", "/apply", { resources })).status).toBe(200);
  expect((await ask(rig, "POST", "/instances/hangzhou/activate")).status).toBe(200);
}

function invariants(): void {
  const { intent } = rig.desk;
  const all = Object.values(intent).flatMap((map) => [...map.values()]);
  const changes = all.map((after) => ({ kind: after.kind, id: after.id, before: undefined, after }));
  expect(violations(EMPTY, changes)).toEqual([]);
  const compiled = compile(intent);
  for (const id of intent.device.keys()) expect(rig.desk.parts(id)).toEqual(compiled.get(id));
  const stored = new ResourceTable(rig.database).read();
  for (const kind of Object.keys(intent) as Kind[]) {
    expect(new Map<string, unknown>(stored[kind])).toEqual(new Map<string, unknown>(intent[kind]));
  }
  expect(rig.fleet.keys()).toEqual([...intent.device.keys()].sort());
  expect(rig.faults).toEqual([]);
}

it("whatever is sent is answered as documented and leaves a sound intent", {
  timeout: SECONDS * 1000 + 120_000,
}, async () => {
  expect(Check(inlined(document, document.components.schemas.Error), { code: "x" })).toBe(false);
  const property = fc.asyncProperty(fc.array(attempts(tried()), { minLength: 10, maxLength: 40 }), async (sequence) => {
    await reset();
    for (const one of sequence) await attempt(one);
    invariants();
  });
  const limits = { interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false, numRuns: 1_000_000 };
  await fc.assert(property, { ...limits, endOnFailure: false });
  // It would prove little if all of it were refused, or none. How much is tried in a few seconds depends on the machine.
  const wanted = SECONDS < 30 ? [200, 400, 403] : [200, 201, 204, 304, 400, 401, 403, 404, 409, 412, 422, 428];
  for (const status of wanted) expect(seen.get(status) ?? 0, `${status}`).toBeGreaterThan(0);
});
