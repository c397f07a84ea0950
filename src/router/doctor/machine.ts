/** The process and its machine: privileges, programs, limits, clock. Needs nothing but Node.js. */
import { accessSync, constants, readFileSync } from "node:fs";
import { arch, availableParallelism, release, totalmem } from "node:os";
import { runIp } from "../../linux/iproute.ts";
import { readSysctl } from "../../linux/sysctl.ts";
import type { RouterConfig } from "../config/config.ts";
import { modelOf } from "../model.ts";
import { RUN_FOLDER } from "../places.ts";
import { workerCount } from "../workers.ts";
import { type Check, failedBy, failure, ok, warning } from "./check.ts";

const CAP_NET_BIND_SERVICE = 10;
const CAP_NET_ADMIN = 12;

/** Bytes. An edge under load has up to 250 MB. */
const MEMORY = 512e6;

/** Clocks that are read without a system call. */
const QUICK_CLOCKS = /^(tsc|kvm-clock|arch_sys_counter|hyperv_clocksource.*)$/;

export async function machineChecks(config: RouterConfig | undefined): Promise<Check[]> {
  return [
    privileges(config),
    await program(),
    ...forwarding(config),
    runFolder(),
    processors(config),
    memory(),
    descriptors(config),
    clock(),
  ];
}

function privileges(config: RouterConfig | undefined): Check {
  const check = "privileges";
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(read("/proc/self/status") ?? "")?.[1];
  if (mask === undefined) return warning(check, "/proc/self/status does not tell the capabilities.", "Mount /proc.");
  const has = (capability: number) => ((BigInt(`0x${mask}`) >> BigInt(capability)) & 1n) === 1n;
  if (!has(CAP_NET_ADMIN)) {
    return failure(
      check,
      "The capability CAP_NET_ADMIN is missing: no TUN device, no routes.",
      "Run it as root, or give it the capability (systemd: AmbientCapabilities=, container: --cap-add NET_ADMIN).",
    );
  }
  const { ikePort = 500, natPort = 4500 } = config?.outer ?? {};
  const lowest = Math.min(ikePort, natPort);
  const reserved = Number(readSysctl("net/ipv4/ip_unprivileged_port_start") ?? 1024);
  if (lowest < reserved && !has(CAP_NET_BIND_SERVICE)) {
    return failure(
      check,
      `The capability CAP_NET_BIND_SERVICE is missing, and port ${lowest} needs it.`,
      "Give it the capability, or choose other ports (outer.ikePort, outer.natPort).",
    );
  }
  return ok(check, process.getuid?.() === 0 ? "Root, with CAP_NET_ADMIN." : "CAP_NET_ADMIN is there.");
}

async function program(): Promise<Check> {
  try {
    const text = await runIp(["-V"], "run the program `ip`");
    return ok("iproute2", `${text.trim()}.`);
  } catch (error) {
    return failedBy("iproute2", error);
  }
}

/** Of the families that the configuration routes; without one IPv4 is a must, IPv6 a wish. */
function forwarding(config: RouterConfig | undefined): Check[] {
  const model = config && modelOf(config);
  return ([4, 6] as const)
    .filter((family) => model === undefined || model.has(`forwarding ${family}`))
    .map((family) => {
      const check = `IPv${family} routing`;
      const key = family === 4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
      const tell = model || family === 4 ? failure : warning;
      const value = readSysctl(key);
      if (value === undefined) return tell(check, `This kernel has no ${key}.`, `Do without IPv${family}.`);
      if (value !== "0") return ok(check, "Forwarding is on.");
      if (writable(`/proc/sys/${key}`)) return ok(check, "Forwarding is off; a router switches it on while it runs.");
      const next = `Mount /proc/sys writable, or set it from outside (container: --sysctl ${key.replaceAll("/", ".")}=1).`;
      return tell(check, `Forwarding is off, and /proc/sys/${key} cannot be written.`, next);
    });
}

function runFolder(): Check {
  const check = "run folder";
  const folder = [RUN_FOLDER, "/run"].find((path) => read(path) !== undefined) ?? "/run";
  if (writable(folder)) return ok(check, `${RUN_FOLDER} can be used.`);
  return failure(check, `${folder} cannot be written.`, "Run it as root; mount /run writable.");
}

function processors(config: RouterConfig | undefined): Check {
  const check = "processors";
  const cpus = availableParallelism();
  const workers = workerCount(config?.workers ?? 1, cpus);
  const says = `${cpus} CPU${cpus === 1 ? "" : "s"} (${arch()}, Linux ${release()}), ${workers} worker${workers === 1 ? "" : "s"}.`;
  if (workers <= cpus) return ok(check, says);
  return warning(check, says, "More workers than CPUs take turns; set workers: auto.");
}

function memory(): Check {
  const check = "memory";
  const limit = process.constrainedMemory();
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const says = `${Math.round(bytes / 1e6)} MB${bytes < totalmem() ? " (limit of the control group)" : ""}.`;
  return bytes >= MEMORY ? ok(check, says) : warning(check, says, `Give it ${MEMORY / 1e6} MB or more.`);
}

function descriptors(config: RouterConfig | undefined): Check {
  const check = "open files";
  const text = /^Max open files\s+(\d+|unlimited)/m.exec(read("/proc/self/limits") ?? "")?.[1] ?? "unlimited";
  const tuns = config?.vrfs.filter(({ tun }) => tun).length ?? 1;
  // Each worker: four sockets, a queue of each TUN device, epoll and a bell; and what the program itself has open.
  const needed = 64 + workerCount(config?.workers ?? 1) * (6 + tuns);
  if (text === "unlimited" || Number(text) >= needed) return ok(check, `Up to ${text}, of which ${needed} suffice.`);
  return failure(check, `Only ${text}, but ${needed} are needed.`, "Raise `ulimit -n` (systemd: LimitNOFILE=).");
}

function clock(): Check {
  const check = "clock";
  const now = new Date();
  if (now.getUTCFullYear() < 2025) {
    return warning(
      check,
      `It is ${now.toISOString()}, says the clock.`,
      "Set it, by NTP best: logs and certificates go by it.",
    );
  }
  const source = read("/sys/devices/system/clocksource/clocksource0/current_clocksource")?.trim();
  if (source === undefined || QUICK_CLOCKS.test(source))
    return ok(check, `${now.toISOString()}${source ? `, ${source}` : ""}.`);
  return warning(
    check,
    `The kernel's clock is ${source}, and asking it for the time takes a system call.`,
    "On a virtual machine choose kvm-clock or tsc (clocksource= on the kernel's command line).",
  );
}

/** Undefined: it is not there, or not for us. A folder is "". */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EISDIR" ? "" : undefined;
  }
}

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
