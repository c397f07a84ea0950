/** Opens a router with everything real around it: the kernel, the datapath, the IKE core, and the status socket. */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { openPlane } from "../datapath/open.ts";
import type { Plane, PlaneOptions } from "../datapath/plane.ts";
import { IkeEndpoint } from "../ike/endpoint.ts";
import { parseAddress } from "./address.ts";
import type { RouterConfig, Secrets } from "./config/config.ts";
import { formatProblem } from "./config/problem.ts";
import { type ReadConfig, readConfig } from "./config/read.ts";
import { crashSecret } from "./crashsecret.ts";
import { RouterError } from "./error.ts";
import { enterHome } from "./home.ts";
import { Homes } from "./homes.ts";
import { type Host, linuxHost } from "./host.ts";
import { Loans } from "./loans.ts";
import type { Log } from "./log.ts";
import { Observer } from "./observe.ts";
import { Router } from "./router.ts";
import { report } from "./status/report.ts";
import type { ManagedStatus, ReloadReply } from "./status/schema.ts";
import { serveStatus } from "./status/server.ts";
import { workerCount } from "./workers.ts";

/**
 * Room in the datapath. Memory that is not used costs address space only: the SAs (an SPI has 16 bits for the slot) are enough for
 * 16,384 tunnels while all of them are rekeyed at once, the next hops for twice as many; the FIB for a full table of the Internet
 * (71 MiB), and as much again for others.
 */
const ROOM = { sas: 65_536, adjacencies: 32_768, fib: 128 * 1024 * 1024 };

/** Changes of a reload that are named in the log; of more only the number is. */
const MANY = 20;

export interface OpenOptions {
  /** Read again at each reload; undefined: a console decides, and its agent calls `apply`. */
  readonly file?: string;
  /** What to begin with. */
  readonly read: Pick<ReadConfig, "config" | "secrets">;
  /** Folder of this router alone for what must outlive a restart of the host; made when there is something to keep. */
  readonly state: string;
  /** How it stands with the console, for the status. */
  readonly managed?: () => ManagedStatus;
  readonly log: Log;
  /** See RouterParts. */
  readonly turned?: (tunnels: readonly string[]) => void;
  /** The datapath died; close the router. */
  readonly failed: () => void;
  /** Tests bring their own. */
  readonly root?: string;
  readonly host?: Host;
  readonly plane?: (options: PlaneOptions) => Promise<Plane>;
}

export interface OpenRouter {
  readonly router: Router;
  readonly observer: Observer;
  /** @throws ConfigError, RouterError: the router is as it was. */
  reload(): Promise<ReloadReply>;
  /** Becomes what this configuration says; what was done, one line each. @throws RouterError: the router is as it was. */
  apply(config: RouterConfig, secrets: Secrets): Promise<string[]>;
  /** Ends everything and leaves the host as it was found. */
  close(): Promise<void>;
}

/** @throws RouterError, LinuxError, PlaneError: everything is as it was before. */
export async function openRouter(options: OpenOptions): Promise<OpenRouter> {
  const { read, log, host = linuxHost() } = options;
  const { config } = read;
  const home = enterHome(config.name, options.root);
  const loans = new Loans(home.state, host, log);
  let plane: Plane | undefined;
  let router: Router | undefined;
  let secret: Uint8Array | undefined;
  try {
    for (const line of await loans.settle()) log.warn(`an earlier run left something behind: ${line}`);
    plane = await (options.plane ?? openPlane)(planeOptions(config));
    const failed = (error: Error) => {
      log.error({ err: error }, "the datapath has ended; nothing is forwarded any more");
      options.failed();
    };
    secret = crashSecret(options.state, log);
    const { turned } = options;
    router = new Router({ plane, ike: ikeCore(plane, host, secret), host, loans, log, turned, failed }, config);
    await router.start(read.secrets);
    await router.fabric.fences.settle();
    const opened = router;
    const apply = async (config: RouterConfig, secrets: Secrets, what = "applied"): Promise<string[]> => {
      const applied = await opened.apply(config, secrets);
      const named = applied.length > MANY ? "" : `: ${applied.join("; ")}`;
      log.info({ changes: applied.length }, applied.length === 0 ? `${what}: nothing has changed` : `${what}${named}`);
      return applied;
    };
    const reload = async (): Promise<ReloadReply> => {
      const { file } = options;
      if (file === undefined) {
        throw new RouterError(
          "not-possible",
          `the console decides what "${config.name}" does; there is no file to read again`,
          "Change it at the console; what it wants is applied at once",
        );
      }
      const again = readConfig(file);
      const applied = await apply(again.config, again.secrets, "reloaded");
      const warnings = again.warnings.map((warning) => formatProblem(file, warning));
      for (const warning of warnings) log.warn(warning);
      return { applied, warnings };
    };
    const server = await serveStatus(home.socket, doors(router, reload, options.managed), log);
    return {
      router,
      observer: new Observer(router),
      reload,
      apply,
      close: async () => {
        await server.close();
        await opened.close();
        secret?.fill(0);
        rmSync(home.socket, { force: true });
        home.leave();
      },
    };
  } catch (error) {
    if (router) await router.close();
    else {
      await plane?.close();
      await loans.giveAllBack();
    }
    secret?.fill(0);
    home.leave();
    throw error;
  }
}

/** What a configuration asks of the datapath. */
export function planeOptions({ workers, pin, moderation, engines, outer, offload, flows }: RouterConfig): PlaneOptions {
  const threads = workerCount(workers);
  // Undefined binds all addresses of the family, null none.
  const bind = (address: string | null) => {
    if (address === null) return null;
    return address === "0.0.0.0" || address === "::" ? undefined : parseAddress(address);
  };
  return {
    ...ROOM,
    engines,
    offload,
    workers: threads,
    pin,
    moderation,
    flows: flows.limit,
    ikePort: outer.ikePort,
    natPort: outer.natPort,
    bind4: bind(outer.ipv4),
    bind6: bind(outer.ipv6),
  };
}

function ikeCore(plane: Plane, host: Host, crashSecret: Uint8Array | undefined): IkeEndpoint {
  const homes = new Homes();
  return new IkeEndpoint({
    random: (n) => randomBytes(n),
    reserveSpi: (peer, copy, more) => plane.reserveSpi(homes.of(peer) + copy, more),
    forget: (peer) => homes.forget(peer),
    releaseSpi: (spi) => plane.releaseSpi(spi),
    localAddress: (remote) => host.localAddress(remote),
    date: () => Date.now(),
    ...(crashSecret && { crashSecret }),
    ikePort: plane.ikePort,
    natPort: plane.natPort,
  });
}

function doors(router: Router, reload: () => Promise<ReloadReply>, managed?: () => ManagedStatus) {
  return {
    status: () => ({ ...report(router), ...(managed ? { managed: managed() } : {}) }),
    reload,
    rekey: (tunnel: string, what: "child" | "ike", child?: string) => {
      router.demandTunnel(tunnel);
      if (router.tunnelState(tunnel) !== "up") {
        throw new RouterError(
          "not-possible",
          `tunnel "${tunnel}" is not up, so there is nothing to rekey`,
          `See: vcpe status --name ${router.config.name}`,
        );
      }
      router.keying.rekey(tunnel, what, child);
    },
    terminate: (tunnel: string) => {
      router.demandTunnel(tunnel);
      router.keying.terminate(tunnel);
    },
    initiate: (tunnel: string) => {
      router.demandTunnel(tunnel);
      if (router.tunnel(tunnel)?.peer.address === null) {
        throw new RouterError(
          "not-possible",
          `tunnel "${tunnel}" has no peer.address to go to`,
          "Give it one, or let the peer begin",
        );
      }
      router.keying.initiate(tunnel);
    },
  };
}
