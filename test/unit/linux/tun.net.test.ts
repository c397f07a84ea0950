import { expect } from "vitest";
import { itAsRoot, runInside, withNamespaces } from "./namespace.ts";

itAsRoot("a TUN device: made, configured, packets both ways, named errors, gone when closed", async () => {
  await withNamespaces(1, async (namespace) => {
    const seen = await runInside(namespace, "tun.child.ts");
    expect(seen.made).toMatchObject({ name: "vcpe-t0", up: false, kind: "tun" });
    expect(seen.txqlen).toBe(1000);
    expect(seen.up).toMatchObject({ up: true, mtu: 1400 });
    expect(seen.written).toBe(28);
    // The kernel's echo reply: source and destination changed places, same identifier and sequence.
    const reply = seen.reply as number[];
    expect(reply.slice(12, 22)).toEqual([10, 1, 0, 1, 10, 1, 0, 2, 0, 0]);
    expect(reply.slice(24)).toEqual([0x12, 0x34, 0, 1]);
    expect([seen.taken, seen.notTun, seen.badName]).toEqual(["exists", "exists", "invalid"]);
    expect(seen.routes).toMatchObject([{ prefix: "10.2.0.0/16", link: "vcpe-t0", protocol: 118, table: 254 }]);
    expect(seen.sysctl).toMatch(/^[012]$/);
    expect(seen.sysctlAfter).toBe("2");
    expect(seen.gone).toBe(true);
    expect(seen.refusal).toMatch(/Could not .*\/dev\/net\/tun|make the TUN device/);
    expect(seen.refusal).toMatch(/\((EACCES|EPERM)\)\. Run it as root/);
    expect(seen.lowPort).toBe("not-permitted");
    expect([seen.offload, seen.nonsense, seen.held]).toEqual([true, false, true]);
  });
});
