/** strongSwan as its users without kernel IPsec run it: `kernel-libipsec`. */
import { attempt } from "../../src/lab/command.ts";
import { STRONGSWAN_PROGRAMS } from "../../src/lab/prerequisites.ts";
import { StrongSwan } from "../../src/lab/strongswan.ts";
import { LAN, WAN } from "./bed.ts";
import { other, SIDES, type Side, type System, versionIn } from "./system.ts";

/** strongSwan with ESP in user space. Ciphers by strongSwan's names. */
export function strongswan(cipher: string): System {
  return {
    name: `strongswan libipsec ${cipher}`,
    needs: STRONGSWAN_PROGRAMS,
    async title() {
      // It says its version and then that it was told nothing to do, which is a failure to it.
      const said = await attempt(["/usr/sbin/swanctl", "--version"]);
      return `strongswan ${versionIn(said.stdout + said.stderr) ?? ""} libipsec ${cipher}`;
    },
    async start(bed) {
      const secret = "bench";
      const swans = {} as Record<Side, StrongSwan>;
      for (const side of SIDES) {
        const far = other(side);
        swans[side] = await StrongSwan.start(bed.state, side, bed.namespace(side));
        await swans[side].load({
          name: "bench",
          local: WAN[side],
          remote: WAN[far],
          localId: `${side}.vcpe.test`,
          remoteId: `${far}.vcpe.test`,
          secret,
          ikeProposals: ["aes256gcm16-prfsha384-ecp384"],
          espProposals: [cipher],
          localSelectors: [LAN[side]],
          remoteSelectors: [LAN[far]],
        });
      }
      await swans.a.initiate("bench");
      return { pids: { a: [swans.a.daemon.pid], b: [swans.b.daemon.pid] } };
    },
  };
}
