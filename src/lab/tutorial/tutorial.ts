/**
 * The seeds' tutorial on real packets: a company joins its branches in Hangzhou and Ningbo to its VPCs in Shanghai and Beijing, by the
 * commands that a user types; then the access test, before and after the security groups are opened; the peak bandwidth; and that another
 * customer with the same addresses is never met.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Capture, NOT_TUNNEL } from "../capture.ts";
import { type Check, checked, type LabReport } from "../checks.ts";
import { LabFault } from "../fault.ts";
import { Lab, step } from "../lab.ts";
import type { Plan } from "../plan.ts";
import { labFolder } from "../state.ts";
import { type AccessRow, type Expected, tryAccess, type Way, waysBetweenBranches, waysToServers } from "./access.ts";
import { measurePeak } from "./bandwidth.ts";
import { cloudFile } from "./cloud.ts";
import { networksAreKept, strangersNeverMeet } from "./isolation.ts";
import { Operator } from "./operator.ts";
import { CONSOLE, GATEWAYS, OFFICE, type Tenant, TUTORIAL } from "./plan.ts";
import { interworking, openConnections } from "./policy.ts";
import { type DeviceKey, Region } from "./region.ts";
import {
  activate,
  apply,
  type Bought,
  branchesOf,
  buy,
  configure,
  connect,
  inStep,
  openSecurityGroups,
  PEAK,
  ready,
} from "./steps.ts";

export interface StepRow {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
}

export interface TutorialReport extends LabReport {
  readonly steps: StepRow[];
  readonly access: AccessRow[];
}

export interface TutorialOptions {
  readonly name?: string;
  readonly entry: readonly string[];
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Seconds of each measurement of the peak bandwidth. */
  readonly seconds?: number;
  /** The region that is drawn: the tutorial's, or one with more places. */
  readonly plan?: Plan;
}

/** Seconds that each measurement takes where nothing else is asked for. */
const SECONDS = 3;

/** Mbit/s to which the peak bandwidth is raised. */
const RAISED = 50;

/** Where the operator of a lab keeps the token that `vcpe login` got. */
export function credentialsOf(lab: string): string {
  return join(labFolder(lab), "office", "credentials.json");
}

export class Tutorial {
  readonly lab: Lab;
  readonly report: TutorialReport = { steps: [], access: [], checks: [], traffic: [] };
  readonly region: Region;
  readonly operator: Operator;
  readonly #options: TutorialOptions;
  #fingerprint = "";

  private constructor(lab: Lab, options: TutorialOptions) {
    const { entry, signal, say } = options;
    this.lab = lab;
    this.#options = options;
    this.region = new Region(lab, entry, say, signal);
    this.operator = new Operator({
      namespace: lab.namespace(OFFICE),
      entry,
      credentials: this.credentials,
      say,
      ...(signal ? { signal } : {}),
    });
  }

  /** Where the operator keeps the token that `vcpe login` got. */
  get credentials(): string {
    return credentialsOf(this.lab.name);
  }

  /** Draws the region, and starts what stands there before the tutorial begins: the console, the access points, the VPCs. */
  static async up(options: TutorialOptions): Promise<Tutorial> {
    const lab = await Lab.draw({ ...options, plan: options.plan ?? TUTORIAL });
    const tutorial = new Tutorial(lab, options);
    try {
      await step(options.say, "echo and iperf3 servers", () => tutorial.region.serve());
      await step(options.say, "the console runs, the operator is logged in", () => tutorial.#console());
      await step(options.say, "area, CEN, VPCs and access points are there", () => tutorial.#cloud());
      return tutorial;
    } catch (fault) {
      await lab.down();
      throw fault;
    }
  }

  /** Performs the six steps and everything that is tried on the way. A step that fails ends it: the report says which. */
  async run(): Promise<TutorialReport> {
    const { say, signal } = this.#options;
    const { lab, operator, region, report } = this;
    const watch = await Capture.start(
      lab.state,
      "internet-intruders",
      lab.namespace("internet"),
      `${NOT_TUNNEL} and not tcp port ${CONSOLE.port}`,
    );
    const bought = new Map<string, Bought>();
    const steps: [string, () => Promise<void>][] = [
      ["1. buy an instance for each branch", () => buy(operator, "corp", bought)],
      ["2. connect the devices", () => connect(region, "corp", bought, this.#fingerprint)],
      ["3. activate", () => activate(operator, "corp")],
      ["4. configure the network: CIDR blocks, CCN, CEN", () => configure(operator, "corp")],
      ["   tunnels are up; the security groups are closed still", () => this.#closed()],
      ["5. open the security groups", () => openSecurityGroups(operator, "corp")],
      ["6. test access", () => this.#opened()],
    ];
    for (const [name, work] of steps) await this.#step(name, work);
    const more: [string, () => Promise<void>][] = [
      ["interworking of the branches off, and on again", () => this.#interworking()],
      ["a rule deleted, and made again", () => this.#openConnections()],
      [`peak bandwidth ${PEAK} Mbit/s`, () => this.#peak(PEAK)],
      [`peak bandwidth raised to ${RAISED} Mbit/s`, () => this.#raise()],
      ["another customer with the same addresses", () => this.#neighbour()],
    ];
    for (const [name, work] of more) await this.#step(name, work);
    await step(say, "captures read", () => watch.stop());
    report.checks.push(await this.#onlyTunnels(watch));
    if (signal?.aborted) throw new LabFault("interrupted", "Interrupted.");
    return report;
  }

  /** All steps for one customer, until its branches are ready. Gives the devices, by the edge's place. */
  async bring(tenant: Tenant): Promise<ReadonlyMap<string, Bought>> {
    const { operator, region } = this;
    const bought = new Map<string, Bought>();
    await buy(operator, tenant, bought);
    await connect(region, tenant, bought, this.#fingerprint);
    await activate(operator, tenant);
    await configure(operator, tenant);
    await openSecurityGroups(operator, tenant);
    await ready(operator, tenant);
    return bought;
  }

  /** Of the console's CA; what a device is told with `--ca`. */
  get fingerprint(): string {
    return this.#fingerprint;
  }

  down(): Promise<void> {
    return this.lab.down();
  }

  async #console(): Promise<void> {
    const office = this.region.folder("office");
    const { fingerprint, password } = await this.region.startConsole();
    this.#fingerprint = fingerprint;
    const files = { old: join(office, "one-time-password"), fresh: join(office, "password") };
    writeFileSync(files.old, `${password}\n`, { mode: 0o600 });
    writeFileSync(files.fresh, `${crypto.randomUUID()}\n`, { mode: 0o600 });
    const trust = ["--console", this.region.url, "--ca", fingerprint];
    const secrets = ["--password-file", files.old, "--new-password-file", files.fresh];
    await this.operator.type("login", ...trust, "--user", "admin", ...secrets);
  }

  async #cloud(): Promise<void> {
    const file = cloudFile((place) => this.lab.namespace(place));
    const reply = await apply<{ devices: (DeviceKey & { accessPoint: string })[] }>(
      this.operator,
      this.region.folder("office"),
      "cloud.yaml",
      file,
    );
    await Promise.all(
      GATEWAYS.map(({ place }) => {
        const device = reply.devices.find(({ accessPoint }) => accessPoint === place);
        if (!device) throw new LabFault("bad-output", `The console gave no device for the access point ${place}.`);
        return this.region.connect(place, "gateway", device, this.#fingerprint);
      }),
    );
  }

  async #step(name: string, work: () => Promise<void>): Promise<void> {
    const begun = performance.now();
    try {
      await step(this.#options.say, name, work);
      this.report.steps.push({ name: name.trim(), ok: true, ms: Math.round(performance.now() - begun) });
    } catch (fault) {
      this.report.steps.push({ name: name.trim(), ok: false, ms: Math.round(performance.now() - begun) });
      throw fault;
    }
  }

  /** Branches reach each other; the servers take nothing in; the verdict says that the security group is what is missing. */
  async #closed(): Promise<void> {
    // What a device does not yet know as its network's it sends to the internet.
    await inStep(this.operator);
    for (const { instance } of branchesOf("corp")) {
      const verdict = await this.operator.attempt("ready", instance);
      const ok = verdict.code !== 0 && /security.group/i.test(verdict.stdout);
      const detail = ok ? "names the security group" : `said: ${verdict.stdout.trim().slice(0, 200)}`;
      this.report.checks.push({ name: `vcpe ready ${instance} before the rule`, ok, detail });
    }
    await this.#access(waysBetweenBranches("corp"), "allowed");
    await this.#access(waysToServers("corp"), "refused");
  }

  async #opened(): Promise<void> {
    await ready(this.operator, "corp");
    await this.#access([...waysToServers("corp"), ...waysBetweenBranches("corp")], "allowed");
  }

  async #access(ways: readonly Way[], expected: Expected): Promise<void> {
    this.report.access.push(...(await tryAccess(this.lab, ways, expected, this.#options.signal)));
  }

  async #interworking(): Promise<void> {
    this.report.access.push(...(await interworking(this.lab, this.operator, this.#options.signal)));
  }

  async #openConnections(): Promise<void> {
    this.report.checks.push(await openConnections(this.lab, this.operator));
  }

  async #peak(mbps: number): Promise<void> {
    const { checks, rows } = await measurePeak(this.lab, mbps, this.#options.seconds ?? SECONDS, this.#options.signal);
    this.report.checks.push(...checks);
    this.report.traffic.push(...rows);
  }

  async #raise(): Promise<void> {
    for (const { instance } of branchesOf("corp")) {
      await this.operator.type("update", "instance", instance, "--peak-bandwidth", String(RAISED));
    }
    await ready(this.operator, "corp");
    await this.#peak(RAISED);
  }

  /** The other customer goes the same way, beside the first. */
  async #neighbour(): Promise<void> {
    await this.bring("other");
    await this.#access(waysToServers("other"), "allowed");
    this.report.checks.push(...(await strangersNeverMeet(this.lab, this.#options.signal)));
    this.report.checks.push(...(await networksAreKept(this.lab, this.operator)));
  }

  #onlyTunnels(watch: Capture): Promise<Check> {
    return checked("whole run outside: only IKE, ESP-in-UDP and the console's HTTPS", async () => {
      const found = watch.intruders();
      return {
        ok: found.length === 0,
        detail: found.length === 0 ? "nothing else crossed" : `also ${found.join("; ")}`,
      };
    });
  }
}
