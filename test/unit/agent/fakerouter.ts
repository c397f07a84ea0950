/** A router that does nothing, and remembers what it was told. */
import type { ManagedRouter, StartRouter, Turned } from "../../../src/agent/carrier.ts";
import type { RouterConfig, Secrets } from "../../../src/router/config/config.ts";
import type { RouterError } from "../../../src/router/error.ts";
import type { Observation, TunnelObservation } from "../../../src/router/observe.ts";

export class FakeRouters {
  /** Every configuration that was applied, or started with. */
  readonly configs: RouterConfig[] = [];
  /** Lengths of the private keys that came with them. */
  readonly keys: number[] = [];
  starts = 0;
  closes = 0;
  /** Says why a configuration is not taken. */
  refuse: (config: RouterConfig, running: boolean) => RouterError | undefined = () => undefined;
  tunnels = new Map<string, TunnelObservation>();
  /** Tells the agent that traffic may go another way. */
  turned: Turned = () => undefined;

  readonly start: StartRouter = async (config, secrets, turned) => {
    this.#take(config, secrets, false);
    this.turned = turned;
    this.starts++;
    const router: ManagedRouter = {
      apply: async (now, fresh) => this.#take(now, fresh, true),
      states: () => new Map([...this.tunnels.values()].map(({ name, state }) => [name, state])),
      attachments: () => [],
      observe: (): Observation => ({ tunnels: [...this.tunnels.values()], attachments: [], drops: {} }),
      tunnels: (names) => [...names].flatMap((name) => this.tunnels.get(name) ?? []),
      close: async () => {
        this.closes++;
      },
    };
    return router;
  };

  get last(): RouterConfig | undefined {
    return this.configs.at(-1);
  }

  tunnel(name: string, state: TunnelObservation["state"], packets = 0): void {
    const traffic = { packets, bytes: packets * 100 };
    this.tunnels.set(name, { name, state, rttMs: 1, in: traffic, out: traffic, lastError: null });
  }

  #take(config: RouterConfig, secrets: Secrets, running: boolean): void {
    const refusal = this.refuse(config, running);
    if (refusal) throw refusal;
    this.configs.push(config);
    this.keys.push(secrets.get("identity")?.length ?? 0);
    for (const secret of secrets.values()) secret.fill(0);
  }
}
