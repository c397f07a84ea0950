/** How each tunnel is, for the routes that may choose between tunnels: up, doubtful (its peer is silent), down. */
import type { Fabric } from "./fabric.ts";
import type { Log } from "./log.ts";

export class Health {
  readonly #fabric: Pick<Fabric, "judge">;
  readonly #log: Pick<Log, "info" | "error">;
  readonly #sends: (tunnel: string) => boolean;
  /** Tunnels with Child SAs whose peer is silent. */
  readonly #doubted = new Set<string>();

  /** `sends`: has the tunnel a Child SA that sends? */
  constructor(fabric: Pick<Fabric, "judge">, log: Pick<Log, "info" | "error">, sends: (tunnel: string) => boolean) {
    this.#fabric = fabric;
    this.#log = log;
    this.#sends = sends;
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
      if (routes > 0) this.#log.info({ tunnel, health, routes }, "routes have moved to another tunnel");
    } catch (error) {
      this.#log.error({ err: error, tunnel }, "routes could not be moved to another tunnel");
    }
  }
}
