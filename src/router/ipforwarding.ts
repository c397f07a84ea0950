/** Whether the kernel of this host forwards packets from one interface to another, as a router must. */
import type { Host } from "./host.ts";
import type { Loans } from "./loans.ts";

/** This host forwards packets of a family, whatever it did before; `loans` remembers that. */
export async function forward(host: Host, loans: Loans, family: 4 | 6): Promise<void> {
  if (family === 4) {
    await loans.sysctl("net/ipv4/ip_forward", "1");
    return;
  }
  // A forwarding interface no longer listens to router advertisements unless accept_ra is 2; without this, a host that
  // got its own default route from one would lose it.
  for (const { name } of await host.listLinks()) {
    if (name === "lo") continue;
    const key = `net/ipv6/conf/${name}/accept_ra`;
    if (host.readSysctl("net/ipv6/conf/all/forwarding") === "0" && host.readSysctl(key) === "1") {
      await loans.sysctl(key, "2");
    }
  }
  await loans.sysctl("net/ipv6/conf/all/forwarding", "1");
}

/** As before `forward`. */
export async function stopForwarding(loans: Loans, family: 4 | 6): Promise<void> {
  if (family === 4) return loans.giveBack("net/ipv4/ip_forward");
  await loans.giveBack("net/ipv6/conf/all/forwarding");
  for (const subject of loans.owed()) {
    if (subject.endsWith("/accept_ra")) await loans.giveBack(subject);
  }
}
