/**
 * strongSwan as a foreign peer: charon-systemd run directly inside a namespace, with its own folder of settings and its own
 * control socket, ESP in user space (kernel-libipsec: a TUN called ipsec0, ESP always in UDP). Nothing of it touches /etc or
 * the host's own strongSwan.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, type Finished, inside, tail } from "./command.ts";
import { Daemon, START } from "./daemon.ts";
import { LabFault } from "./fault.ts";
import type { LabState } from "./state.ts";
import { parseVici, type ViciSection } from "./vici.ts";

export interface SwanConnection {
  readonly name: string;
  /** Outer addresses. */
  readonly local: string;
  readonly remote: string;
  readonly localId: string;
  readonly remoteId: string;
  /** Pre-shared key, as text; not used where there are certificates. */
  readonly secret: string;
  /** PEM: both ends prove themselves with certificates. `authority` vouches for the peer. */
  readonly certificates?: { readonly own: string; readonly key: string; readonly authority: string };
  /** strongSwan's names, e.g. "aes256gcm16-prfsha384-ecp384". */
  readonly ikeProposals: readonly string[];
  readonly espProposals: readonly string[];
  readonly localSelectors: readonly string[];
  readonly remoteSelectors: readonly string[];
  /** Seconds between liveness checks; 0 (default): none. */
  readonly dpdSeconds?: number;
  /** Takes and sends IKE messages in fragments (RFC 7383). Default true. */
  readonly fragmentation?: boolean;
}

export interface SwanChild {
  readonly name: string;
  readonly state: string;
  readonly cipher: string;
  readonly keyBits: number | undefined;
  readonly spiIn: string;
  readonly spiOut: string;
  readonly packetsIn: number;
  readonly packetsOut: number;
}

export interface SwanSa {
  readonly name: string;
  readonly state: string;
  readonly initiatorSpi: string;
  readonly responderSpi: string;
  readonly remoteId: string;
  readonly children: readonly SwanChild[];
}

const PLUGINS =
  "random nonce pem pkcs1 pkcs8 x509 pubkey constraints openssl aes sha1 sha2 hmac kdf gcm chapoly curve25519 drbg kernel-libipsec kernel-netlink socket-default vici";

/** The socket mark keeps charon's own datagrams out of the routes that lead into ipsec0. */
const MARK = "0x42";

/** The name that charon and swanctl read their settings by. */
function daemonSettings(folder: string, fragmentSize: number): string {
  return `charon-systemd {
  fragment_size = ${fragmentSize}
  load = ${PLUGINS}
  piddir = ${folder}
  install_routes = yes
  retransmit_tries = 3
  retransmit_timeout = 1.0
  filelog {
    log {
      path = ${join(folder, "charon.log")}
      time_format = %T
      flush_line = yes
      default = 1
      ike = 2
      cfg = 2
    }
  }
  plugins {
    vici { socket = unix://${join(folder, "vici")} }
    socket-default { fwmark = ${MARK} }
    kernel-netlink { fwmark = !${MARK} }
  }
}
swanctl { load = random nonce pem pkcs1 pkcs8 x509 openssl curve25519 aes sha1 sha2 hmac kdf }
`;
}

function connectionSettings(connection: SwanConnection): string {
  const dpd = connection.dpdSeconds ?? 0;
  const auth = (file: string, what: string) =>
    connection.certificates ? `auth = pubkey\n      ${what} = ${file}` : "auth = psk";
  return `connections {
  ${connection.name} {
    version = 2
    mobike = no
    encap = yes
    fragmentation = ${(connection.fragmentation ?? true) ? "yes" : "no"}
    local_addrs = ${connection.local}
    remote_addrs = ${connection.remote}
    proposals = ${connection.ikeProposals.join(", ")}
    dpd_delay = ${dpd}s
    rekey_time = 0
    send_cert = ifasked
    local { ${auth("own.pem", "certs")}
      id = ${connection.localId} }
    remote { ${auth("authority.pem", "cacerts")}
      id = ${connection.remoteId} }
    children {
      ${connection.name} {
        local_ts = ${connection.localSelectors.join(", ")}
        remote_ts = ${connection.remoteSelectors.join(", ")}
        esp_proposals = ${connection.espProposals.join(", ")}
        rekey_time = 0
        dpd_action = clear
      }
    }
  }
}
secrets {
  ike-${connection.name} {
    id-1 = ${connection.remoteId}
    secret = "${connection.secret}"
  }
}
`;
}

/** Seconds for which swanctl waits for an exchange. */
const PATIENCE = "30";

export class StrongSwan {
  readonly daemon: Daemon;
  readonly folder: string;
  readonly #namespace: string;

  private constructor(daemon: Daemon, folder: string, namespace: string) {
    this.daemon = daemon;
    this.folder = folder;
    this.#namespace = namespace;
  }

  /** Starts charon and waits for its control socket. `fragmentSize`: largest IP datagram that its IKE messages go in, bytes. */
  static async start(state: LabState, place: string, namespace: string, fragmentSize = 1280): Promise<StrongSwan> {
    const folder = join(state.folder, `strongswan-${place}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const settings = join(folder, "strongswan.conf");
    writeFileSync(settings, daemonSettings(folder, fragmentSize), { mode: 0o600 });
    const env: NodeJS.ProcessEnv = { ...process.env, STRONGSWAN_CONF: settings };
    // The daemon tells systemd when it is ready, where there is one; here nobody listens.
    delete env.NOTIFY_SOCKET;
    const argv = ["/usr/sbin/charon-systemd"];
    const daemon = Daemon.start({ state, what: `strongswan ${place}`, namespace, argv, env });
    const swan = new StrongSwan(daemon, folder, namespace);
    await daemon.until(
      async () => existsSync(join(folder, "vici")) && (await swan.#answers()),
      "it answered",
      START,
      50,
    );
    return swan;
  }

  /** Replaces all connections and keys by this one. */
  async load(connection: SwanConnection): Promise<void> {
    const file = join(this.folder, "swanctl.conf");
    const { certificates } = connection;
    // Folders that swanctl looks into; what an earlier connection left there goes.
    for (const [place, name, text] of [
      ["x509", "own.pem", certificates?.own],
      ["x509ca", "authority.pem", certificates?.authority],
      ["private", "own.key", certificates?.key],
    ] as const) {
      const folder = join(this.folder, place);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { mode: 0o700 });
      if (text !== undefined) writeFileSync(join(folder, name), text, { mode: 0o600 });
    }
    writeFileSync(file, connectionSettings(connection), { mode: 0o600 });
    await this.#demand(["--load-all", "--noprompt", "--clear", "--file", file]);
  }

  /** Brings the connection up; waits until the Child SA stands. Fault `command-failed` with charon's words. */
  async initiate(connection: string): Promise<void> {
    await this.#demand(["--initiate", "--child", connection, "--timeout", PATIENCE]);
  }

  /** Tries to bring it up and gives back what charon said, whether or not it worked. */
  tryInitiate(connection: string): Promise<Finished> {
    return this.#control(["--initiate", "--child", connection, "--timeout", PATIENCE]);
  }

  async rekeyIke(connection: string): Promise<void> {
    await this.#demand(["--rekey", "--ike", connection]);
  }

  async rekeyChild(connection: string): Promise<void> {
    await this.#demand(["--rekey", "--child", connection]);
  }

  async terminateIke(connection: string): Promise<void> {
    await this.#demand(["--terminate", "--ike", connection, "--timeout", PATIENCE]);
  }

  async terminateChild(connection: string): Promise<void> {
    await this.#demand(["--terminate", "--child", connection, "--timeout", PATIENCE]);
  }

  /** Ends every IKE SA of a connection at once, whether or not the peer answers; none is no fault. */
  async forget(connection: string): Promise<void> {
    await this.#control(["--terminate", "--ike", connection, "--force", "--timeout", "2"]);
  }

  /** All IKE SAs that charon knows, with their Child SAs. */
  async sas(): Promise<SwanSa[]> {
    const said = await this.#demand(["--list-sas", "--raw"]);
    return said
      .split("\n")
      .filter((line) => line.startsWith("list-sa event "))
      .flatMap((line) => Object.entries(parseVici(line.slice("list-sa event ".length))))
      .map(([name, section]) => ikeSa(name, section as ViciSection));
  }

  /** IKE SAs that stand. */
  async established(): Promise<SwanSa[]> {
    return (await this.sas()).filter((sa) => sa.state === "ESTABLISHED");
  }

  /** Child SAs that carry traffic. */
  async installed(): Promise<SwanChild[]> {
    return (await this.established()).flatMap((sa) => sa.children).filter((child) => child.state === "INSTALLED");
  }

  get log(): string {
    return join(this.folder, "charon.log");
  }

  async #answers(): Promise<boolean> {
    return (await this.#control(["--stats"])).code === 0;
  }

  #control(args: readonly string[]): Promise<Finished> {
    const env = {
      ...process.env,
      STRONGSWAN_CONF: join(this.folder, "strongswan.conf"),
      SWANCTL_DIR: this.folder,
    };
    const argv = ["/usr/sbin/swanctl", args[0]!, "--uri", `unix://${join(this.folder, "vici")}`, ...args.slice(1)];
    return attempt(inside(this.#namespace, argv), { env, timeoutMs: 60_000 });
  }

  async #demand(args: readonly string[]): Promise<string> {
    const done = await this.#control(args);
    if (done.code !== 0) {
      const said = tail(`${done.stdout}\n${done.stderr}`, 12);
      throw new LabFault(
        "command-failed",
        `\`swanctl ${args.join(" ")}\` ended with ${done.code}.${said}`,
        `\nIts log: ${this.log}`,
      );
    }
    return done.stdout;
  }
}

function ikeSa(name: string, section: ViciSection): SwanSa {
  const text = (key: string) => String(section[key] ?? "");
  const children = Object.values((section["child-sas"] ?? {}) as ViciSection) as ViciSection[];
  return {
    name,
    state: text("state"),
    initiatorSpi: text("initiator-spi"),
    responderSpi: text("responder-spi"),
    remoteId: text("remote-id"),
    children: children.map((child) => ({
      name: String(child.name),
      state: String(child.state),
      cipher: String(child["encr-alg"] ?? ""),
      keyBits: child["encr-keysize"] === undefined ? undefined : Number(child["encr-keysize"]),
      spiIn: String(child["spi-in"] ?? ""),
      spiOut: String(child["spi-out"] ?? ""),
      packetsIn: Number(child["packets-in"] ?? 0),
      packetsOut: Number(child["packets-out"] ?? 0),
    })),
  };
}
