/** kill -9 at random moments: what was acknowledged is there, and nothing is half there. VCPE_KILLS=50 for more than a few. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { compile } from "../../../src/console/compile/compile.ts";
import { openDesk } from "../../../src/console/desk/desk.ts";
import { EMPTY, type Intent } from "../../../src/console/model/intent.ts";
import { violations } from "../../../src/console/model/rules.ts";
import { openDatabase } from "../../../src/console/store/database.ts";
import { STORE_MIGRATIONS } from "../../../src/console/store/schema.ts";
import { FakeFleet, FLEET_STAND_IN } from "./rig.ts";

const KILLS = Number(process.env.VCPE_KILLS ?? 6);
const folder = mkdtempSync(join(tmpdir(), "vcpe-crash-"));
const path = join(folder, "console.db");
let child: ChildProcess | undefined;
afterAll(() => {
  child?.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

async function start(): Promise<string> {
  child = fork(new URL("crash.child.ts", import.meta.url).pathname, [path], { execArgv: [] });
  const [port] = await once(child, "message");
  return `http://127.0.0.1:${port}/v1`;
}

/** What a client knows: what was acknowledged, and what it never heard back of. */
interface Known {
  readonly areas: Set<string>;
  readonly rounds: Set<number>;
  peak: number;
}

async function write(url: string, method: string, body: object, headers: Record<string, string> = {}) {
  return fetch(url, {
    method,
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", "x-role": "admin", ...headers },
  });
}

function site(round: number): object {
  const instances = Array.from({ length: 200 }, (_, i) => ({
    kind: "instance",
    name: `r${round}-i${i}`,
    area: "main",
    accessPoint: `r${round}`,
    peakBandwidth: 10,
    activated: true,
    ccn: `r${round}`,
    cidrs: [`10.${i}.0.0/16`],
  }));
  // One access point has no room for the tunnels of fifty rounds.
  const ipv4 = `198.18.${round >> 8}.${round & 255}`;
  const point = { kind: "access-point", name: `r${round}`, area: "main", region: "x", ipv4 };
  return { resources: [point, { kind: "ccn", name: `r${round}`, area: "main" }, ...instances] };
}

/** Writes without a pause until the console is gone. */
async function load(url: string, round: number, known: Known): Promise<void> {
  const applies = write(`${url}/apply`, "POST", site(round)).then(({ status }) => {
    expect(status).toBe(200);
    known.rounds.add(round);
  });
  const creates = (async () => {
    for (let i = 0; ; i++) {
      const name = `r${round}-a${i}`;
      const { status } = await write(`${url}/areas`, "POST", { name });
      expect(status).toBe(201);
      known.areas.add(name);
    }
  })();
  const changes = (async () => {
    for (;;) {
      const peak = (known.peak % 900) + 3;
      const { status } = await write(`${url}/instances/counter`, "PATCH", { peakBandwidth: peak }, { "if-match": "*" });
      expect(status).toBe(200);
      known.peak = peak;
    }
  })();
  const ends = await Promise.allSettled([applies, creates, changes]);
  for (const end of ends) {
    // A connection that broke is what is meant to happen; anything else is not.
    if (end.status === "rejected" && !(end.reason instanceof TypeError)) throw end.reason;
  }
}

function all(intent: Intent) {
  return Object.values(intent).flatMap((resources) =>
    [...resources.values()].map((after) => ({ kind: after.kind, id: after.id, before: undefined, after })),
  );
}

function examine(known: Known): void {
  const database = openDatabase(path, [...STORE_MIGRATIONS, FLEET_STAND_IN]);
  try {
    expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
    const { number } = database.prepare("SELECT number FROM revision").get() as { number: number };
    const desk = openDesk(database);
    // Versions of routers fit what is compiled: nothing had to be raised.
    expect(desk.revision).toBe(number);
    const { last } = database.prepare("SELECT MAX(revision) AS last FROM audit").get() as { last: number };
    expect(last).toBe(number);
    for (const name of known.areas) expect(desk.find("area", name)?.name).toBe(name);
    for (const round of known.rounds) expect(desk.find("ccn", `r${round}`)).toBeDefined();
    for (const { name, id } of desk.intent.ccn.values()) {
      const members = [...desk.intent.instance.values()].filter(({ ccn }) => ccn === id);
      expect([name, members.length]).toEqual([name, 200]);
    }
    const { peakBandwidth } = desk.find("instance", "counter")!;
    // The last one may be on the disk without its answer having come.
    expect([known.peak, (known.peak % 900) + 3]).toContain(peakBandwidth);
    known.peak = peakBandwidth;
    expect(new FakeFleet(database).keys()).toEqual([...desk.intent.device.keys()].sort());
    expect(violations(EMPTY, all(desk.intent))).toEqual([]);
    if (known.rounds.size < 3) for (const [id, parts] of compile(desk.intent)) expect(desk.parts(id)).toEqual(parts);
  } finally {
    database.close();
  }
}

it(`nothing acknowledged is lost and nothing is half-applied over ${KILLS} kills`, {
  timeout: 60_000 + 20_000 * KILLS,
}, async () => {
  const known: Known = { areas: new Set(), rounds: new Set(), peak: 2 };
  let url = await start();
  await write(`${url}/apply`, "POST", {
    resources: [
      { kind: "area", name: "main" },
      { kind: "access-point", name: "shanghai", area: "main", region: "x", ipv4: "198.51.100.1" },
      { kind: "instance", name: "counter", area: "main", peakBandwidth: 2 },
    ],
  });
  for (let round = 0; round < KILLS; round++) {
    const loaded = load(url, round, known);
    await new Promise((done) => setTimeout(done, 20 + Math.random() * 400));
    const exited = once(child!, "exit");
    child!.kill("SIGKILL");
    await Promise.all([exited, loaded]);
    examine(known);
    url = await start();
  }
  expect(known.areas.size).toBeGreaterThan(0);
});
