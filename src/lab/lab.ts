/** The lab as a whole: brought up step by step, each step with its time, and taken down without a trace. */
import { existsSync } from "node:fs";
import { type Daemon, START } from "./daemon.ts";
import { serveIperf } from "./iperf.ts";
import { serveEcho } from "./marker.ts";
import { PLAN, type Plan, SITES, type Site } from "./plan.ts";
import { demandMachine, LAB_PROGRAMS, provide } from "./prerequisites.ts";
import { Router } from "./router.ts";
import { type SiteConfig, siteConfig, writeConfig, writeKey } from "./site.ts";
import { DEFAULT_LAB, LabState, NAMESPACE_PREFIX, sweep } from "./state.ts";
import { build } from "./topology.ts";

export interface LabOptions {
  readonly name?: string;
  readonly plan?: Plan;
  /** How to start vcpe: program and file, e.g. [process.execPath, process.argv[1]]. */
  readonly entry: readonly string[];
  /** A line for a person: steps and their time. */
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Lets a test change a site's config before it is written. */
  readonly adjust?: (site: Site, config: SiteConfig) => void;
}

/** Namespace of a place in a lab. */
export function namespaceOf(lab: string, place: string): string {
  return `${NAMESPACE_PREFIX}${lab === DEFAULT_LAB ? "" : `${lab}-`}${place}`;
}

/** Name of the router at a place in a lab. */
export function routerName(lab: string, place: string): string {
  return lab === DEFAULT_LAB ? place : `${lab}-${place}`;
}

export class Lab {
  readonly name: string;
  readonly state: LabState;
  readonly routers = new Map<string, Router>();
  readonly #options: LabOptions;
  readonly #keys = new Map<string, string>();

  private constructor(options: LabOptions, state: LabState) {
    this.#options = options;
    this.name = state.lab;
    this.state = state;
  }

  /** Checks the machine, installs what is missing, removes what an earlier lab left, draws the topology. No router runs yet. */
  static async draw(options: LabOptions): Promise<Lab> {
    const name = options.name ?? DEFAULT_LAB;
    const { say, signal } = options;
    demandMachine();
    await step(say, "prerequisites are there", () => provide(LAB_PROGRAMS, say));
    const left = await sweep(name);
    if (left.namespaces > 0)
      say(`removed what an earlier lab left: ${left.namespaces} namespaces, ${left.processes} processes`);
    const lab = new Lab(options, new LabState(name, signal));
    try {
      const plan = options.plan ?? PLAN;
      const what = `topology: ${plan.places.length} namespaces, ${plan.links.length} links`;
      await step(say, what, () =>
        build({ state: lab.state, plan, namespace: (place) => lab.namespace(place), ...(signal ? { signal } : {}) }),
      );
      return lab;
    } catch (fault) {
      await lab.down();
      throw fault;
    }
  }

  /** Draws the lab, starts echo and iperf3 servers and all routers, and waits for the tunnels. */
  static async up(options: LabOptions): Promise<Lab> {
    const lab = await Lab.draw(options);
    try {
      await lab.startServers();
      await lab.startRouters();
      return lab;
    } catch (fault) {
      await lab.down();
      throw fault;
    }
  }

  namespace(place: string): string {
    return namespaceOf(this.name, place);
  }

  router(place: string): Router {
    const found = this.routers.get(place);
    if (!found) throw new Error(`no router runs at ${place}`);
    return found;
  }

  /** iperf3 and echo servers where traffic goes to. */
  async startServers(places: readonly string[] = ["vpc", "branch-b-lan"]): Promise<void> {
    await step(this.#options.say, `iperf3 and echo servers in ${places.join(", ")}`, () =>
      Promise.all(
        places.flatMap((place): Promise<Daemon>[] => [
          serveIperf(this.state, place, this.namespace(place)),
          serveEcho(this.state, place, this.namespace(place)),
        ]),
      ),
    );
  }

  /** Path of the key that an edge and the gateway share; made at first use. */
  keyFile(edge: string): string {
    let file = this.#keys.get(edge);
    if (file === undefined) {
      file = writeKey(this.state.folder, edge);
      this.#keys.set(edge, file);
    }
    return file;
  }

  /** The config that the router at a place gets. */
  config(place: string): SiteConfig {
    const site = SITES.find((other) => other.router === place)!;
    const config = siteConfig(
      site,
      (name) => routerName(this.name, name),
      (edge) => this.keyFile(edge),
    );
    this.#options.adjust?.(site, config);
    return config;
  }

  /** Writes the config of one place and starts its router there. */
  startRouter(place: string): Router {
    const site = SITES.find((other) => other.router === place)!;
    const config = writeConfig(this.state.folder, place, this.config(place));
    const router = Router.start({
      state: this.state,
      place,
      namespace: this.namespace(place),
      role: site.role,
      name: routerName(this.name, place),
      config,
      entry: this.#options.entry,
    });
    this.routers.set(place, router);
    return router;
  }

  /** Starts the gateway and the edges at once and waits until every tunnel is up. */
  async startRouters(places: readonly string[] = SITES.map((site) => site.router)): Promise<void> {
    const { say } = this.#options;
    await step(say, `routers answer: ${places.join(", ")}`, () =>
      Promise.all(places.map((place) => this.startRouter(place).answering())),
    );
    // A gateway may know tunnels to peers that do not run here.
    const ours = ["to-gateway", ...places.map((place) => `to-${place}`)];
    await step(say, "tunnels are up", () =>
      Promise.all(places.map((place) => this.router(place).tunnelsUp(START, ours))),
    );
  }

  /** Ends everything and removes it. Safe to call twice. */
  async down(): Promise<void> {
    await Promise.all([...this.routers.values()].map((router) => router.daemon.stop()));
    if (existsSync(this.state.folder)) await sweep(this.name);
  }
}

/** A step that takes longer says what it is, milliseconds. */
const LONG = 1000;

/** Runs a step and says how long it took; of one that is long, at once that it is on. */
export async function step<T>(say: (line: string) => void, what: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const telling = setTimeout(() => say(`     …    ${what}`), LONG);
  const result = await work().finally(() => clearTimeout(telling));
  say(`${((performance.now() - begun) / 1000).toFixed(2).padStart(6)} s  ${what}`);
  return result;
}
