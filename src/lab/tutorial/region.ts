/** The tutorial's programs: the console, gateways and edges as their owners start them, and servers where traffic goes to. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inside, run } from "../command.ts";
import { Daemon, START } from "../daemon.ts";
import { LabFault } from "../fault.ts";
import { serveIperf } from "../iperf.ts";
import type { Lab } from "../lab.ts";
import { serveEcho } from "../marker.ts";
import { ROUTER_ROOT } from "../state.ts";
import { typed } from "./operator.ts";
import { BRANCHES, CLOUDS, CONSOLE } from "./plan.ts";

/** What a buyer gets for a device. */
export interface DeviceKey {
  readonly serial: string;
  readonly key: string;
}

export class Region {
  readonly lab: Lab;
  readonly #entry: readonly string[];
  readonly #say: (line: string) => void;
  readonly #signal: AbortSignal | undefined;
  readonly routers = new Map<string, Daemon>();
  #console: Daemon | undefined;

  /** @param say a line for a person: what is typed at a device */
  constructor(lab: Lab, entry: readonly string[], say: (line: string) => void, signal?: AbortSignal) {
    this.lab = lab;
    this.#entry = entry;
    this.#say = say;
    this.#signal = signal;
  }

  get url(): string {
    return `https://${CONSOLE.address}:${CONSOLE.port}`;
  }

  get console(): Daemon {
    if (!this.#console) throw new Error("the console does not run");
    return this.#console;
  }

  /** Echo and iperf3 servers at every host that is asked for something. */
  async serve(): Promise<void> {
    const places = [...CLOUDS.map(({ server }) => server), ...BRANCHES.map(({ host }) => host)];
    await Promise.all(
      places.flatMap((place): Promise<Daemon>[] => [
        serveIperf(this.lab.state, place, this.lab.namespace(place)),
        serveEcho(this.lab.state, place, this.lab.namespace(place)),
      ]),
    );
  }

  /** Starts the console; gives what it prints at its first start: the fingerprint of its CA and the one-time password. */
  async startConsole(): Promise<{ fingerprint: string; password: string | undefined }> {
    const argv = [
      ...this.#entry,
      "console",
      "--folder",
      this.folder("console"),
      "--listen",
      `${CONSOLE.address}:${CONSOLE.port}`,
    ];
    const daemon = Daemon.start({
      state: this.lab.state,
      what: "console",
      namespace: this.lab.namespace(CONSOLE.place),
      argv,
    });
    this.#console = daemon;
    const before = daemon.said().length;
    const said = () => daemon.said().slice(before);
    await daemon.until(
      () => /fingerprint/i.test(said()) && said().includes(this.url),
      "it said where it listens",
      START,
    );
    const fingerprint = /([0-9A-F]{2}(?::[0-9A-F]{2}){31})/i.exec(said())?.[1];
    if (fingerprint === undefined)
      throw new LabFault("bad-output", "The console told no fingerprint.", `Read ${daemon.log}`);
    return { fingerprint, password: /one-time password (\S+)/.exec(said())?.[1] };
  }

  /** Enrols the device of a place with its serial number and key, and starts its router. */
  async connect(
    place: string,
    role: "edge" | "gateway",
    { serial, key }: DeviceKey,
    fingerprint: string,
  ): Promise<void> {
    const keyFile = join(this.folder("keys"), serial);
    writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
    const words = [
      "join",
      "--console",
      this.url,
      "--ca",
      fingerprint,
      "--serial",
      serial,
      "--key-file",
      keyFile,
      "--state",
      this.#state(place),
    ];
    this.#say(typed(words, place));
    await run(inside(this.lab.namespace(place), [...this.#entry, ...words]), {
      timeoutMs: 60_000,
      ...(this.#signal ? { signal: this.#signal } : {}),
    });
    this.lab.state.noteRouter(serial);
    this.start(place, role);
  }

  /** Starts the router of a place that has joined. */
  start(place: string, role: "edge" | "gateway"): Daemon {
    const words = [role, "--state", this.#state(place)];
    this.#say(typed(words, place));
    const daemon = Daemon.start({
      state: this.lab.state,
      what: `${role} ${place}`,
      namespace: this.lab.namespace(place),
      argv: [...this.#entry, ...words],
    });
    this.routers.set(place, daemon);
    return daemon;
  }

  /** A folder of the lab's own. */
  folder(name: string): string {
    const folder = join(this.lab.state.folder, name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /** Status socket of a router. */
  socket(serial: string): string {
    return join(ROUTER_ROOT, serial, "status.sock");
  }

  /** Each place is a host of its own: it keeps its identity in its own folder. */
  #state(place: string): string {
    return this.folder(`host-${place}`);
  }
}
