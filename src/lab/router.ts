/** Edges and gateways of the lab: the product itself, run as processes inside the namespaces. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Daemon, START } from "./daemon.ts";
import { LabFault } from "./fault.ts";
import { type LabState, ROUTER_ROOT } from "./state.ts";
import { ask, type RouterStatus, status, type TunnelStatus } from "./status.ts";

export interface RouterOptions {
  readonly state: LabState;
  readonly place: string;
  readonly namespace: string;
  readonly role: "edge" | "gateway";
  /** Name in the config: where its socket is. */
  readonly name: string;
  readonly config: string;
  /** How to start vcpe: the program and what comes before the sub-command. */
  readonly entry: readonly string[];
}

export class Router {
  readonly name: string;
  readonly place: string;
  readonly config: string;
  readonly daemon: Daemon;

  private constructor(options: RouterOptions, daemon: Daemon) {
    this.name = options.name;
    this.place = options.place;
    this.config = options.config;
    this.daemon = daemon;
  }

  /** Starts it; returns as soon as the process runs. */
  static start(options: RouterOptions): Router {
    const { state, namespace, role, name, place, config, entry } = options;
    state.noteRouter(name);
    const argv = [...entry, role, "-c", config, "--state", join(state.folder, "kept")];
    return new Router(options, Daemon.start({ state, what: `${role} ${place}`, namespace, argv }));
  }

  status(): Promise<RouterStatus> {
    return status(this.name);
  }

  /** Waits for its socket to answer. */
  async answering(withinMs = START): Promise<void> {
    const socket = join(ROUTER_ROOT, this.name, "status.sock");
    const answers = async () => existsSync(socket) && (await this.#try())?.pid === this.daemon.pid;
    await this.daemon.until(answers, "its status socket answered", withinMs);
  }

  /**
   * Waits until its tunnels are up, or those of them that are named. Fault `tunnel-down` says which is not, why, and which log
   * to read.
   */
  async tunnelsUp(withinMs = START, only?: readonly string[]): Promise<void> {
    const wanted = (tunnel: TunnelStatus) => only === undefined || only.includes(tunnel.name);
    let last: RouterStatus | undefined;
    const up = async () => {
      last = (await this.#try()) ?? last;
      return last?.pid === this.daemon.pid && last.tunnels.filter(wanted).every((tunnel) => tunnel.state === "up");
    };
    try {
      await this.daemon.until(up, "all tunnels were up", withinMs);
    } catch (fault) {
      if (!(fault instanceof LabFault) || fault.code !== "command-timeout") throw fault;
      const down = (last?.tunnels ?? []).filter((tunnel) => wanted(tunnel) && tunnel.state !== "up");
      const names = down.map((tunnel) => `${tunnel.name} (${tunnel.state}${why(tunnel.lastError)})`);
      throw new LabFault(
        "tunnel-down",
        `On ${this.place} after ${withinMs / 1000} s: ${names.join(", ") || "no answer from its status socket"}.`,
        `Read ${this.daemon.log}`,
      );
    }
  }

  /** Asks for a rekey of the tunnel's IKE SA or Child SA. */
  async rekey(tunnel: string, what: "child" | "ike"): Promise<void> {
    await this.#post(`/tunnels/${tunnel}/rekey`, { what });
  }

  async terminate(tunnel: string): Promise<void> {
    await this.#post(`/tunnels/${tunnel}/terminate`);
  }

  async initiate(tunnel: string): Promise<void> {
    await this.#post(`/tunnels/${tunnel}/initiate`);
  }

  /** Asks it to read its file again; the answer says what came of it. */
  reload(): Promise<{ code: number; body: unknown }> {
    return ask(this.name, "POST", "/reload");
  }

  async #post(path: string, body?: unknown): Promise<void> {
    const answer = await ask(this.name, "POST", path, body);
    if (answer.code >= 300) {
      throw new LabFault(
        "status-unreachable",
        `${this.name} answered ${answer.code} to POST ${path}: ${JSON.stringify(answer.body)}.`,
      );
    }
  }

  async #try(): Promise<RouterStatus | undefined> {
    try {
      return await this.status();
    } catch {
      return undefined;
    }
  }
}

function why(error: { readonly message: string } | undefined): string {
  return error === undefined ? "" : `: ${error.message}`;
}
