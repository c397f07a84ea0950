/** Names and choice of the systems, the parts of bench micro, the machine, the confinement. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BenchFault } from "../../../bench/fault.ts";
import { hypervisorIn, machine, machineLine } from "../../../bench/machine.ts";
import { parts } from "../../../bench/micro/micro.ts";
import { withBuffers } from "../../../bench/net/buffers.ts";
import { confine, groups } from "../../../bench/net/confine.ts";
import { chosen } from "../../../bench/net/net.ts";
import { distinct, versionIn } from "../../../bench/net/system.ts";
import { systems } from "../../../bench/net/systems.ts";
import { wireguardVersion } from "../../../bench/net/wireguard.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vcpe-bench-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("names", () => {
  it.each([
    ["wireguard-go v0.0.20250522\n\nUserspace WireGuard daemon", "0.0.20250522"],
    ["OpenVPN 2.6.14 x86_64-pc-linux-gnu [SSL (OpenSSL)]", "2.6.14"],
    ["strongSwan 5.9.8 swanctl\nusage:", "5.9.8"],
    ["no figures here", undefined],
  ])("take the version out of %j", (said, version) => expect(versionIn(said)).toBe(version));

  it("differ even when two programs call themselves the same", () => {
    expect(distinct("wireguard-go 1.0", [], "the given one")).toBe("wireguard-go 1.0");
    expect(distinct("wireguard-go 1.0", ["wireguard-go 1.0"], "the given one")).toBe(
      "wireguard-go 1.0 (the given one)",
    );
  });

  it("are asked of the program, which must be wireguard-go", async () => {
    const file = join(folder, "wireguard-go");
    writeFileSync(file, "#!/bin/sh\necho wireguard-go v0.0.20990101\n", { mode: 0o755 });
    expect(await wireguardVersion(file)).toBe("0.0.20990101");
    await expect(wireguardVersion("/bin/true")).rejects.toMatchObject({ code: "not-a-program" });
    await expect(wireguardVersion(join(folder, "absent"))).rejects.toThrow(/absent is not wireguard-go/);
  });
});

describe("--only", () => {
  const all = systems({ entry: ["vcpe"], wireguardGo: "/opt/wireguard-go" });

  it("takes systems by a part of their name", () => {
    expect(chosen(all, undefined)).toHaveLength(8);
    expect(chosen(all, ["vcpe"]).map((system) => system.name)).toEqual(["vcpe chacha20poly1305", "vcpe aes128gcm16"]);
    expect(chosen(all, ["openvpn", "plain"])).toHaveLength(2);
  });

  it("refuses a word that is in no name, and says which there are", () => {
    expect(() => chosen(all, ["vcpe", "cisco"])).toThrow(BenchFault);
    expect(() => chosen(all, ["cisco"])).toThrow(/"cisco"\. There are: plain forwarding, vcpe/);
  });

  it("takes the parts of bench micro", () => {
    expect(parts(undefined).size).toBe(5);
    expect([...parts(["fib"])]).toEqual(["fib"]);
    expect(() => parts(["fip"])).toThrow(/There are: aead, fib/);
  });
});

describe("the machine", () => {
  it("has a hypervisor when lscpu says so", () => {
    expect(hypervisorIn("Model name: X\nHypervisor vendor:                       KVM\n")).toBe("KVM");
    expect(hypervisorIn("Model name: X\n")).toBeNull();
  });

  it("comes with the command as it was typed", () => {
    expect(machine(["bench", "net", "--only", "a b"]).command).toBe("vcpe bench net --only 'a b'");
    expect(machineLine({ ...machine([]), hypervisor: null })).not.toContain("(");
  });
});

describe("socket buffers", () => {
  it("are raised while the work runs, also when it fails, and never lowered", async () => {
    const read = (name: string) => readFileSync(join(folder, name), "utf8").trim();
    writeFileSync(join(folder, "rmem_default"), "212992\n");
    writeFileSync(join(folder, "wmem_default"), "8388608\n");
    const seen = await withBuffers(async () => [read("rmem_default"), read("wmem_default")], folder);
    expect(seen).toEqual(["4194304", "8388608"]);
    expect(read("rmem_default")).toBe("212992");
    const failing = withBuffers(async () => Promise.reject(new Error("no")), folder);
    await expect(failing).rejects.toThrow("no");
    expect([read("rmem_default"), read("wmem_default")]).toEqual(["212992", "8388608"]);
  });
});

describe("confinement", () => {
  let child: ChildProcess;
  beforeEach(() => {
    child = spawn("sleep", ["60"], { stdio: "ignore" });
  });
  afterEach(() => void child.kill("SIGKILL"));

  const v1 = () => {
    for (const name of ["cpu", "memory"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "cpu/cpu.cfs_quota_us"), "-1");
    writeFileSync(join(folder, "memory/memory.limit_in_bytes"), "9223372036854771712");
  };
  const v2 = (controllers: string) => writeFileSync(join(folder, "cgroup.subtree_control"), `${controllers}\n`);

  it("is by cgroup v2 before v1, where both controllers are handed down", () => {
    v1();
    v2("cpuset cpu io memory pids");
    expect(groups("g", 1, 2048, folder).map(({ by }) => by)).toEqual(["cgroup v2", "cgroup v1"]);
    v2("cpuset memory pids");
    expect(groups("g", 1, 2048, folder).map(({ by }) => by)).toEqual(["cgroup v1"]);
  });

  it("by cgroup v2: quota, memory, weight", async () => {
    v2("cpu memory");
    const { by } = await confine(child.pid!, 2, 4096, folder);
    expect(by).toBe("cgroup v2");
    const read = (file: string) => readFileSync(join(folder, `vcpe-bench-${process.pid}`, file), "utf8");
    expect(read("cpu.max")).toBe("200000 100000");
    expect(read("memory.max")).toBe(String(4 * 2 ** 30));
    expect(read("cgroup.procs")).toBe(String(child.pid));
  });

  it("by cgroup v1: a group in each hierarchy", async () => {
    v1();
    const { by } = await confine(child.pid!, 1, 2048, folder);
    expect(by).toBe("cgroup v1");
    const name = `vcpe-bench-${process.pid}`;
    expect(readFileSync(join(folder, "cpu", name, "cpu.cfs_quota_us"), "utf8")).toBe("100000");
    expect(readFileSync(join(folder, "memory", name, "memory.limit_in_bytes"), "utf8")).toBe(String(2 * 2 ** 30));
  });

  it("by taskset and prlimit where no group can be made", async () => {
    v1();
    // A file where the folder of the group would be: it cannot be made.
    writeFileSync(join(folder, "cpu", `vcpe-bench-${process.pid}`), "");
    const { by } = await confine(child.pid!, 1, 2048, folder);
    expect(by).toBe("taskset and prlimit");
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    expect(/^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1]).toBe("0");
    expect(readFileSync(`/proc/${child.pid}/limits`, "utf8")).toMatch(
      new RegExp(`^Max data size +${2 * 2 ** 30} `, "m"),
    );
  });

  it("by what this machine has, and without a trace afterwards", async (context) => {
    const [way] = groups(`vcpe-bench-${process.pid}`, 1, 2048);
    if (process.getuid?.() !== 0 || way === undefined) return context.skip("needs root and control groups");
    const { by, release } = await confine(child.pid!, 1, 2048);
    expect(by).toBe(way.by);
    expect(readFileSync(`/proc/${child.pid}/cgroup`, "utf8")).toContain(`/vcpe-bench-${process.pid}`);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    release();
    for (const { folder: group } of way.groups) expect(existsSync(group)).toBe(false);
  });
});
