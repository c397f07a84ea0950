/** How each tunnel is, for the routes that may choose between tunnels: up, doubtful (its peer is silent), down. */
import type { Fabric } from "./fabric.ts";
import type { Log } from "./log.ts";

export interface HealthParts {
  readonly fabric: Pick<Fabric, "judge" | "rivals">;
  readonly log: Pick<Log, "info" | "error">;
  /** Has the tunnel a Child SA that sends? */
  readonly sends: (tunnel: string) => boolean;
  /** One of these, between which routes choose, is better or worse than it was. */
  readonly turned?: ((tunnels: readonly string[]) => void) | undefined;
}

export class Health {
  readonly #fabric: Pick<Fabric, "judge" | "rivals">;
  readonly #log: Pick<Log, "info" | "error">;
  readonly #sends: (tunnel: string) => boolean;
  readonly #told: (tunnels: readonly string[]) => void;
  /** Tunnels with Child SAs whose peer is silent. */
  readonly #doubted = new Set<string>();

  constructor({ fabric, log, sends, turned = () => undefined }: HealthParts) {
    this.#fabric = fabric;
    this.#log = log;
    this.#sends = sends;
    this.#told = turned;
  }

  /** The peer is silent, or heard again. */
  doubt(tunnel: string, doubtful: boolean): void {
    if (this.#doubted.has(tunnel) === doubtful) return;
    if (doubtful) this.#doubted.add(tunnel);
    else this.#doubted.delete(tunnel);
    this.#judge(tunnel);
  }

  /** Some Child SA of the tunnel began or ceased to send; `sends`: one does now. */
  turned(tunnel: string, sends: boolean): void {
    if (!sends) this.#doubted.delete(tunnel);
    this.#judge(tunnel);
  }

  /** Lets routes that may choose know how this tunnel is. */
  #judge(tunnel: string): void {
    const health = !this.#sends(tunnel) ? "down" : this.#doubted.has(tunnel) ? "doubtful" : "up";
    try {
      const routes = this.#fabric.judge(tunnel, health);
      if (routes === undefined) return;
      if (routes > 0) this.#log.info({ tunnel, health, routes }, "routes have moved to another tunnel");
    } catch (error) {
      this.#log.error({ err: error, tunnel }, "routes could not be moved to another tunnel");
    }
    const rivals = this.#fabric.rivals(tunnel);
    if (rivals.length > 0) this.#told(rivals);
  }
}
