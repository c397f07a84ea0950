/** `vcpe bench compile`: what the console does with a large intent: rules and configurations, from scratch and for one change. */
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Compiler } from "../../src/console/compile/compile.ts";
import { type Change, EMPTY, type Intent, withChanges } from "../../src/console/model/intent.ts";
import type { Resource } from "../../src/console/model/resources.ts";
import { violations } from "../../src/console/model/rules.ts";
import type { PartsDelta } from "../../src/protocol/parts.ts";
import { type Machine, machine } from "../machine.ts";
import { median, round } from "../median.ts";
import { large } from "./site.ts";

export interface CompileRow {
  readonly site: string;
  readonly what: string;
  readonly ms: number;
  /** Wanted at most; null: no more than told. */
  readonly wantedMs: number | null;
  /** Routers with a new configuration, and parts in it; null: none are made. */
  readonly routers: number | null;
  readonly parts: number | null;
}

export interface CompileResult {
  readonly machine: Machine & { readonly quick: boolean };
  readonly rows: CompileRow[];
  /** Heap of intent and compiler together, MiB, by site. */
  readonly heapMiB: Readonly<Record<string, number>>;
}

export interface CompileOptions {
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

/** Branches, and branches of a CEN. */
const SITES = [
  [10_000, 10],
  [10_000, 100],
  [1_000, 1_000],
] as const;

export async function benchCompile({ quick, say }: CompileOptions): Promise<CompileResult> {
  const about = { ...machine(), quick };
  const rows: CompileRow[] = [];
  const heapMiB: Record<string, number> = {};
  const start = await heapUsed();
  for (const [branches, each] of SITES) {
    const site = `${branches} instances, ${each} in a CEN`;
    const tell: Tell = (what, ms, wantedMs, deltas) => {
      const parts = deltas && [...deltas.values()].reduce((sum, { put, remove }) => sum + put.size + remove.size, 0);
      const counts = { routers: deltas?.size ?? null, parts: parts ?? null };
      rows.push({ site, what, ms: round(ms, 2), wantedMs, ...counts });
      say(`${site}: ${what}: ${round(ms, 2)} ms${deltas ? `, ${deltas.size} routers, ${parts} parts` : ""}`);
    };
    const made = build(branches, each, tell);
    heapMiB[site] = round(((await heapUsed()) - start) / 2 ** 20, 0);
    changeBy(made, quick ? 5 : 31, tell);
  }
  return { machine: about, rows, heapMiB };
}

type Deltas = ReadonlyMap<string, PartsDelta>;
type Tell = (what: string, ms: number, wantedMs: number, deltas?: Deltas) => void;

interface Built {
  readonly intent: Intent;
  readonly compiler: Compiler;
}

/** All at once. */
function build(branches: number, each: number, tell: Tell): Built {
  const { intent, changes } = large(branches, each);
  const bulk = once(() => violations(withChanges(EMPTY, changes), changes));
  if (bulk.result.length > 0) throw new Error(`the site breaks a rule: ${bulk.result[0].message}`);
  tell("rules, all of it as one change", bulk.ms, 2000);
  const scratch = once(() => new Compiler(intent));
  tell("compile from scratch", scratch.ms, 2000, added(scratch.result));
  return { intent, compiler: scratch.result };
}

/** One change after the other, `times` of each sort. */
function changeBy({ intent, compiler }: Built, times: number, tell: Tell): void {
  const drive = (what: string, next: (i: number, now: Intent) => Change) => {
    let now = intent;
    const rules: number[] = [];
    const compiled: number[] = [];
    let deltas: Deltas = new Map();
    for (let i = 0; i < times; i++) {
      const one = [next(i, now)];
      const checked = once(() => {
        const after = withChanges(now, one);
        return { after, broken: violations(now, one) };
      });
      if (checked.result.broken.length > 0) throw new Error(checked.result.broken[0].message);
      now = checked.result.after;
      const run = once(() => compiler.change(now, one));
      rules.push(checked.ms);
      compiled.push(run.ms);
      deltas = run.result;
    }
    tell(`rules of one change: ${what}`, median(rules), 5);
    tell(`compile of one change: ${what}`, median(compiled), 20, deltas);
    compiler.change(intent, back(now, intent));
  };
  const ids = [...intent.instance.keys()];
  const instance = (now: Intent, i: number) => now.instance.get(ids[(i * 7919) % ids.length])!;
  drive("peak bandwidth of an instance", (i, now) => {
    const before = instance(now, i);
    return update(before, { ...before, peakBandwidth: 20 + i });
  });
  drive("an instance is unbound, or bound", (i, now) => {
    const before = instance(now, i - (i % 2));
    return update(before, { ...before, ccn: before.ccn === null ? intent.instance.get(before.id)!.ccn : null });
  });
  drive("a CIDR block more", (i, now) => {
    const before = instance(now, i);
    return update(before, { ...before, cidrs: [...before.cidrs, `172.16.${i}.0/24`] });
  });
  drive("a rule of a security group", (i, now) => {
    const before = [...now.rule.values()][i % now.rule.size];
    return update(before, { ...before, policy: before.policy === "drop" ? "accept" : "drop" });
  });
}

function update(before: Resource, after: Resource): Change {
  return {
    kind: before.kind,
    id: before.id,
    before,
    after: Object.freeze({ ...after, version: before.version + 1 }),
  } as Change;
}

/** The changes that undo what was done to instances and rules. */
function back(now: Intent, first: Intent): Change[] {
  return (["instance", "rule"] as const).flatMap((kind) =>
    [...now[kind].values()].flatMap((before): Change[] => {
      const after = first[kind].get(before.id);
      return after === before ? [] : [{ kind, id: before.id, before, after } as Change];
    }),
  );
}

/** All parts of all routers as a delta from nothing. */
function added(compiler: Compiler): Map<string, PartsDelta> {
  return new Map([...compiler.all].map(([router, put]) => [router, { put, remove: new Set<string>() }]));
}

function once<T>(work: () => T): { readonly ms: number; readonly result: T } {
  const start = performance.now();
  const result = work();
  return { ms: performance.now() - start, result };
}

/** Bytes that live objects take. */
async function heapUsed(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 2; i++) {
    await setImmediate();
    collect();
  }
  return process.memoryUsage().heapUsed;
}
