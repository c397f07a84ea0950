/**
 * Makes the router be what a configuration says: starts it, applies to it, and where a change cannot be made while it runs, ends it and
 * starts it anew. When that fails, the router from before comes back.
 */
import type { Parts } from "../protocol/parts.ts";
import { assemble } from "../protocol/parts.ts";
import { freeze, type RouterConfig, type Secrets } from "../router/config/config.ts";
import { RouterError } from "../router/error.ts";
import type { Log } from "../router/log.ts";
import type { AttachmentObservation, Observation, TunnelObservation, TunnelState } from "../router/observe.ts";
import { credentialsOf, type Identity, secretsOf } from "./identity.ts";

/** The part of a running router that an agent needs. */
export interface ManagedRouter {
  /** @throws RouterError: it is as it was. Wipes `secrets` when they are needed no more. */
  apply(config: RouterConfig, secrets: Secrets): Promise<unknown>;
  states(): ReadonlyMap<string, TunnelState>;
  attachments(): readonly AttachmentObservation[];
  observe(): Observation;
  /** Of these tunnels alone. */
  tunnels(names: Iterable<string>): readonly TunnelObservation[];
  close(): Promise<void>;
}

/** Of these tunnels, between which routes choose, one is better or worse than it was: another may carry. */
export type Turned = (tunnels: readonly string[]) => void;

/** @throws Error: nothing runs. */
export type StartRouter = (config: RouterConfig, secrets: Secrets, turned: Turned) => Promise<ManagedRouter>;

export class Carrier {
  readonly #start: StartRouter;
  readonly #log: Pick<Log, "warn" | "error">;
  readonly #turned: Turned;
  #router: ManagedRouter | undefined;

  constructor(start: StartRouter, log: Pick<Log, "warn" | "error">, turned: Turned) {
    this.#start = start;
    this.#log = log;
    this.#turned = turned;
  }

  get router(): ManagedRouter | undefined {
    return this.#router;
  }

  /** @throws Error: what ran before runs again, or as ever; see `router`. */
  async carry(parts: Parts, before: Parts | undefined, identity: Identity): Promise<void> {
    const router = this.#router;
    if (!router) {
      this.#router = await this.#begin(parts, identity);
      return;
    }
    try {
      await router.apply(configOf(parts, identity), secretsOf(identity));
    } catch (error) {
      if (!(error instanceof RouterError) || error.code !== "restart-needed") throw error;
      this.#log.warn(`${error.message.split(".")[0]}: the router restarts; its tunnels come back within seconds`);
      await this.#restart(parts, before, identity);
    }
  }

  async close(): Promise<void> {
    const router = this.#router;
    this.#router = undefined;
    await router?.close();
  }

  async #restart(parts: Parts, before: Parts | undefined, identity: Identity): Promise<void> {
    await this.close();
    try {
      this.#router = await this.#begin(parts, identity);
    } catch (error) {
      this.#log.error(
        { err: error },
        "the router does not start with the new configuration; back to the last good one",
      );
      if (before) this.#router = await this.#begin(before, identity);
      throw error;
    }
  }

  async #begin(parts: Parts, identity: Identity): Promise<ManagedRouter> {
    const secrets = secretsOf(identity);
    try {
      return await this.#start(configOf(parts, identity), secrets, this.#turned);
    } catch (error) {
      for (const secret of secrets.values()) secret.fill(0);
      throw error;
    }
  }
}

function configOf(parts: Parts, identity: Identity): RouterConfig {
  return freeze(assemble(parts, credentialsOf(identity))) as RouterConfig;
}
