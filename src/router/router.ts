/**
 * A running router: a datapath, an IKE core, and the host around them, made to be what a RouterConfig says, and made to
 * follow when it changes. Every change is a diff that is applied whole or taken back.
 */
import type { Plane } from "../datapath/plane.ts";
import type { AgeLimits } from "./age.ts";
import { Attachments } from "./attachments.ts";
import { changedForGood } from "./born.ts";
import type { RouterConfig, Secrets, TunnelConfig } from "./config/config.ts";
import { credentialsOf, forget } from "./credentials.ts";
import { type Action, describeAction, diff, enact } from "./diff.ts";
import { RouterError, sentenceOf } from "./error.ts";
import { Fabric } from "./fabric.ts";
import type { Host } from "./host.ts";
import { KernelRoutesError, runFrom } from "./kernelroutes.ts";
import { type IkeCore, Keying } from "./keying.ts";
import { Lan } from "./lan.ts";
import type { Loans } from "./loans.ts";
import type { Log } from "./log.ts";
import { changes, type Wish, wholeOf, wishOf } from "./model.ts";
import { peerConfig } from "./peers.ts";
import type { Model, Resource, ResourceOf } from "./resource.ts";
import { Round } from "./round.ts";

export interface RouterParts {
  readonly plane: Plane;
  readonly ike: IkeCore;
  readonly host: Host;
  readonly loans: Loans;
  readonly log: Log;
  /** Of these tunnels, between which routes choose, one is better or worse than it was: another may carry. */
  readonly turned?: ((tunnels: readonly string[]) => void) | undefined;
  /** The datapath died; the router can only be closed. */
  readonly failed: (error: Error) => void;
}

/** How often traffic is looked at, for DPD and for the age of SAs, and whether links have changed; milliseconds. */
const WATCH_EVERY = 2000;

/** How often the kernel is asked what the paths carry, and how the LAN devices are set; milliseconds. */
const MEASURE_EVERY = 60_000;

export class Router {
  readonly fabric: Fabric;
  readonly keying: Keying;
  readonly lan: Lan;
  readonly attachments: Attachments;
  readonly parts: RouterParts;
  /** Milliseconds since the Unix epoch. */
  readonly since = Date.now();
  #config: RouterConfig;
  #secrets: Secrets = new Map();
  /** What has been carried out. */
  readonly #running = new Map<string, Resource>();
  /** The same, where all of it has been carried out; undefined: something could not be taken back. */
  #wish: Wish | undefined = NOTHING;
  #tunnels: ReadonlyMap<string, TunnelConfig> = new Map();
  /** Changes one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #timers: NodeJS.Timeout[] = [];
  readonly #rounds: readonly Pick<Round<never>, "start" | "stop">[];

  /** `config`: nothing of it runs before `start`. */
  constructor(parts: RouterParts, config: RouterConfig) {
    this.parts = parts;
    this.#config = config;
    this.fabric = new Fabric(parts.plane, parts.host, parts.loans);
    this.lan = new Lan(parts.host, parts.loans, parts.log, () => parts.plane.offloads().uso ?? "off");
    this.attachments = new Attachments({ ...parts, fabric: this.fabric });
    this.keying = new Keying({
      plane: parts.plane,
      ike: parts.ike,
      fabric: this.fabric,
      log: parts.log,
      turned: parts.turned,
      limits: (tunnel) => this.#limits(tunnel),
      tunGone: (adjacency) => this.#tunGone(adjacency),
      failed: parts.failed,
    });
    this.#rounds = [
      new Round(
        WATCH_EVERY,
        () => this.keying.watched(),
        (id) => this.keying.watch(id),
      ),
      new Round(
        MEASURE_EVERY,
        () => this.fabric.tunnels(),
        (tunnel) => this.#remeasure(tunnel),
      ),
    ];
  }

  get config(): RouterConfig {
    return this.#config;
  }

  get running(): Model {
    return this.#running;
  }

  /** Brings everything up. `secrets` are the router's from now on: it wipes them. @throws RouterError apply-failed: all that was made has been removed again. */
  async start(secrets: Secrets): Promise<void> {
    await this.#inTurn(() => this.#apply(this.#config, secrets));
    this.keying.open();
    for (const round of this.#rounds) round.start();
    this.#timers = [
      setInterval(() => {
        if (this.lan.due()) void this.#inTurn(() => this.lan.look());
        if (this.attachments.due()) void this.#inTurn(() => this.attachments.look());
      }, WATCH_EVERY),
      setInterval(() => void this.#inTurn(() => this.lan.look()), MEASURE_EVERY),
    ];
    // Hundreds of namespaces take their time; tunnels and the status need not wait for them.
    void this.#inTurn(() => this.attachments.look());
  }

  /** Resolves when all that was begun so far is done. */
  settled(): Promise<void> {
    return this.#inTurn(() => undefined);
  }

  /**
   * Becomes what this configuration says. Gives what was done, one line each. Wipes `secrets` as `start` does, also when it fails.
   *
   * @throws RouterError restart-needed, apply-failed: nothing has changed.
   */
  apply(config: RouterConfig, secrets: Secrets): Promise<string[]> {
    return this.#inTurn(async () => {
      const fixed = changedForGood(this.#config, config);
      if (fixed.length > 0) {
        forget(secrets);
        throw new RouterError(
          "restart-needed",
          `${fixed.join(", ")} cannot change while the router runs`,
          "Restart it, or put the old value back",
        );
      }
      const done = await this.#apply(config, secrets);
      await this.attachments.look();
      return done;
    });
  }

  /** @throws RouterError unknown-tunnel */
  demandTunnel(name: string): void {
    if (this.#tunnels.has(name)) return;
    const names = this.#config.tunnels.map((tunnel) => tunnel.name).join(", ");
    throw new RouterError(
      "unknown-tunnel",
      `there is no tunnel "${name}"`,
      names === "" ? "None is configured" : `Tunnels: ${names}`,
    );
  }

  tunnelState(name: string): "down" | "connecting" | "up" {
    return this.parts.ike.peer(name)?.state ?? "down";
  }

  /** As configured. */
  tunnel(name: string): TunnelConfig | undefined {
    return this.#tunnels.get(name);
  }

  /** Peers get their DELETE; routes, devices and keys go; the host gets its settings back. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      for (const timer of this.#timers) clearInterval(timer);
      for (const round of this.#rounds) round.stop();
      for (const action of diff(this.#running, new Map())) {
        // What cannot be removed must not keep the rest from going.
        await this.#carry([action]).catch((error) =>
          this.parts.log.error({ err: error }, `could not ${describeAction(action)}`),
        );
      }
      this.attachments.close();
      this.keying.close();
      await this.parts.plane.close();
      await this.parts.loans.giveAllBack();
      forget(this.#secrets);
    });
  }

  async #apply(config: RouterConfig, secrets: Secrets): Promise<string[]> {
    const earlier = { config: this.#config, secrets: this.#secrets, tunnels: this.#tunnels };
    const before = this.#wish ?? new Map(this.#running);
    let wish: Wish;
    let actions: Action[];
    try {
      wish = wishOf(config, this.#wish);
      actions = this.#wish ? changes(this.#wish, wish) : diff(this.#running, wholeOf(wish));
    } catch (error) {
      forget(secrets);
      throw error;
    }
    this.#config = config;
    this.#secrets = secrets;
    this.#tunnels = new Map(config.tunnels.map((tunnel) => [tunnel.name, tunnel]));
    try {
      await this.#carry(actions);
    } catch (error) {
      this.#config = earlier.config;
      this.#secrets = earlier.secrets;
      this.#tunnels = earlier.tunnels;
      await this.#takeBack("pieces" in before ? wholeOf(before) : before);
      forget(secrets);
      throw error instanceof RouterError
        ? error
        : new RouterError(
            "apply-failed",
            sentenceOf(error).replace(/\.$/, ""),
            "Nothing has changed; see the reason and try again",
            error,
          );
    }
    this.#wish = wish;
    this.parts.log.level = config.log;
    forget(earlier.secrets);
    return actions.map(describeAction);
  }

  async #takeBack(before: Model): Promise<void> {
    for (const action of diff(this.#running, before)) {
      await this.#carry([action]).catch((error) => {
        this.#wish = undefined;
        this.parts.log.error({ err: error }, `could not take back: ${describeAction(action)}`);
      });
    }
  }

  /** Carries actions out in order; `#running` follows each. Kernel routes that stand side by side go in one go. */
  async #carry(actions: readonly Action[]): Promise<void> {
    for (let i = 0; i < actions.length; ) {
      const run = runFrom(actions, i);
      if (run) {
        let done = run.routes.length;
        try {
          await this.fabric.carryRun(run);
        } catch (error) {
          done = error instanceof KernelRoutesError ? error.index : 0;
          throw error;
        } finally {
          for (const action of actions.slice(i, i + done)) enact(this.#running, action);
        }
        i += done;
        continue;
      }
      const action = actions[i++];
      const resource = action.op === "update" ? action.now : action.resource;
      this.parts.log.debug(describeAction(action));
      if (resource.kind === "peer") this.#peer(action.op, resource);
      else if (resource.kind === "credentials") this.#credentials(action.op, resource);
      else if (resource.kind === "lan") await this.lan.follow(action.op === "remove" ? undefined : resource);
      else if (resource.kind === "attachment") await this.attachments.follow(action.op, resource);
      else if (resource.kind === "reach") this.attachments.reach(action.op, resource);
      else await this.fabric.carry(action);
      enact(this.#running, action);
    }
  }

  #peer(op: Action["op"], { tunnel, settings }: ResourceOf<"peer">): void {
    if (op === "remove") {
      this.keying.remove(tunnel);
      return;
    }
    const peer = peerConfig(tunnel, settings, this.#secrets, this.parts.plane.workers().length);
    if (op === "add") this.keying.add(peer);
    else this.keying.replace(peer);
  }

  #credentials(op: Action["op"], { settings }: ResourceOf<"credentials">): void {
    this.keying.credentials(op === "remove" ? undefined : credentialsOf(settings, this.#secrets));
  }

  #limits(tunnel: string): AgeLimits {
    return this.#tunnels.get(tunnel)?.esp ?? { packets: 2 ** 31, bytes: 2 ** 40 };
  }

  #remeasure(tunnel: string): void {
    const mtu = this.fabric.remeasure(tunnel);
    if (mtu !== undefined) this.parts.log.info({ tunnel, mtu }, "tunnel MTU");
  }

  /** An attachment's is made again when it can be; without one of this host nothing is forwarded as it should be. */
  #tunGone(adjacency: number): void {
    if (this.fabric.isTun(adjacency)) {
      const next = "Restart the router, and leave its TUN devices to it";
      this.parts.failed(new RouterError("datapath-failed", "somebody deleted a TUN device of this router", next));
    } else if (this.attachments.gone(adjacency)) void this.#inTurn(() => this.attachments.look());
  }

  #inTurn<T>(act: () => Promise<T> | T): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

/** Before the first configuration. */
const NOTHING: Wish = { pieces: new Map(), host: new Map() };
