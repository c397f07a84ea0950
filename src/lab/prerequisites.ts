/**
 * What the lab needs from the machine: programs, and kernel features. On Debian and Ubuntu, as root, missing programs
 * are installed (after a line that says what and why); elsewhere the fault says what to install.
 */
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type FileLock, tryLock } from "../linux/lock.ts";
import { attempt, run } from "./command.ts";
import { LabFault } from "./fault.ts";
import { LAB_ROOT } from "./state.ts";

export interface Program {
  /** Name on PATH, or an absolute path. */
  readonly name: string;
  /** The Debian package that brings it. */
  readonly debian: string;
  readonly why: string;
}

/** Programs that every lab needs. */
export const LAB_PROGRAMS: readonly Program[] = [
  { name: "ip", debian: "iproute2", why: "namespaces, links and routes" },
  { name: "ping", debian: "iputils-ping", why: "reachability, loss and round-trip time" },
  { name: "iperf3", debian: "iperf3", why: "TCP and UDP traffic" },
  { name: "tcpdump", debian: "tcpdump", why: "the proof that nothing crosses in the clear" },
  { name: "nft", debian: "nftables", why: "the NAT in front of one branch" },
];

/** strongSwan 5.9 as Debian packs it: the IKE daemon, its control program, and ESP in user space (kernel-libipsec). */
export const STRONGSWAN_PROGRAMS: readonly Program[] = [
  { name: "/usr/sbin/charon-systemd", debian: "charon-systemd", why: "strongSwan's IKE daemon, the foreign peer" },
  { name: "/usr/sbin/swanctl", debian: "strongswan-swanctl", why: "tells strongSwan what to do" },
  {
    name: "/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so",
    debian: "libcharon-extra-plugins",
    why: "strongSwan's ESP in user space, for kernels without ESP",
  },
  {
    name: "/usr/lib/ipsec/plugins/libstrongswan-openssl.so",
    debian: "libstrongswan-standard-plugins",
    why: "strongSwan's AES-GCM and elliptic curves",
  },
  {
    name: "/usr/lib/ipsec/plugins/libstrongswan-chapoly.so",
    debian: "libstrongswan-extra-plugins",
    why: "strongSwan's ChaCha20-Poly1305",
  },
];

/** Where system programs live even when PATH, as `su` leaves it, lacks the sbin folders. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

function found(name: string): boolean {
  if (name.startsWith("/")) return existsSync(name);
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Those of `programs` that this machine lacks. */
export function missing(programs: readonly Program[]): Program[] {
  return programs.filter((program) => !found(program.name));
}

/** Whether this is Debian, Ubuntu or one of their kin with apt-get. */
export function aptSystem(osRelease = "/etc/os-release"): boolean {
  if (!existsSync(osRelease) || !found("apt-get")) return false;
  const lines = readFileSync(osRelease, "utf8").split("\n");
  const ids = lines.filter((line) => /^ID(_LIKE)?=/.test(line)).join(" ");
  return /\b(debian|ubuntu)\b/.test(ids);
}

/**
 * Sees to it that `programs` are there: installs what is missing when it can, and says so through `say` first.
 * Faults: `missing-program` when it cannot, `install-failed` when apt-get could not.
 */
export async function provide(programs: readonly Program[], say: (line: string) => void): Promise<void> {
  const lacking = missing(programs);
  if (lacking.length === 0) return;
  if (process.getuid?.() !== 0 || !aptSystem()) {
    throw new LabFault(
      "missing-program",
      `This machine lacks ${lacking.map((program) => program.name).join(", ")}.`,
      `Install them, on Debian or Ubuntu with: sudo apt-get install ${packagesOf(lacking).join(" ")}`,
    );
  }
  const turn = await installTurn();
  try {
    // Another lab may have installed them meanwhile.
    await install(missing(programs), say);
  } finally {
    turn.release();
  }
  const still = missing(programs).map((program) => program.name);
  if (still.length > 0) {
    throw new LabFault("install-failed", `apt-get has done its work, but ${still.join(", ")} is still not there.`);
  }
}

function packagesOf(programs: readonly Program[]): string[] {
  return [...new Set(programs.map((program) => program.debian))];
}

/** apt-get waits for another apt-get only half of the time, so labs that start together take turns. */
async function installTurn(): Promise<FileLock> {
  mkdirSync(LAB_ROOT, { recursive: true, mode: 0o700 });
  for (;;) {
    const turn = tryLock(join(LAB_ROOT, "install"));
    if (turn) return turn;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function install(programs: readonly Program[], say: (line: string) => void): Promise<void> {
  if (programs.length === 0) return;
  const packages = packagesOf(programs);
  say(`installing with apt-get: ${programs.map((program) => `${program.debian} (${program.why})`).join(", ")}`);
  await maskStrongSwan(packages, say);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // Old package lists may name versions that the mirror no longer has, so they are read anew; when that fails (no
  // network, but a cache that has everything) the installation itself decides.
  const update = await attempt(["apt-get", "-q", "update"], { env, timeoutMs: 300_000 });
  const verb = ["apt-get", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "install"];
  const done = await attempt([...verb, ...packages], { env, timeoutMs: 900_000 });
  if (done.code === 0) return;
  const said = [update.code === 0 ? "" : update.stderr, done.stderr].join("\n").trim().split("\n").slice(-8);
  throw new LabFault(
    "install-failed",
    `apt-get could not install ${packages.join(" ")}. It said:\n${said.join("\n")}`,
    "\nInstall the packages by hand and start again.",
  );
}

/**
 * Debian's charon-systemd starts an IKE daemon on the host as soon as it is installed. The lab wants the program, not
 * the service: where systemd runs, its unit is masked before the package brings it, and stays so.
 */
async function maskStrongSwan(packages: readonly string[], say: (line: string) => void): Promise<void> {
  if (!packages.includes("charon-systemd") || !existsSync("/run/systemd/system")) return;
  say(
    "masking strongswan.service, so that no IKE daemon starts on this host (systemctl unmask strongswan.service undoes it)",
  );
  await run(["systemctl", "mask", "strongswan.service"]);
}

/**
 * Root, Linux, network namespaces, TUN. Faults: `not-linux`, `not-root`, `missing-feature`; each says what to do.
 */
export function demandMachine(): void {
  if (process.platform !== "linux") {
    throw new LabFault("not-linux", `The lab is made of Linux network namespaces; this is ${process.platform}.`);
  }
  if (process.getuid?.() !== 0) {
    throw new LabFault(
      "not-root",
      "The lab makes network namespaces and TUN devices, for which it must be root.",
      "Start it again with sudo.",
    );
  }
  if (!existsSync("/proc/self/ns/net")) {
    throw new LabFault("missing-feature", "This kernel has no network namespaces.", "It needs CONFIG_NET_NS.");
  }
  if (!existsSync("/dev/net/tun")) {
    throw new LabFault(
      "missing-feature",
      "/dev/net/tun is not there.",
      "Load the module with `modprobe tun`; in a container, hand the device in (--device /dev/net/tun).",
    );
  }
}
