/**
 * Socket buffers for routers that ask for none. Linux gives a UDP socket room for some 90 packets, less than routers that share a
 * CPU with a sender get in one turn; wireguard-go before 2023 and charon live with that and lose a tenth of all packets for it, where
 * their users would have raised the host's defaults. The defaults are the host's (namespaces only show them), so they are raised
 * while a router starts and opens its sockets, no longer.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILES = ["rmem_default", "wmem_default"] as const;
/** What OpenVPN is told and wireguard-go and vcpe take for themselves is of this order. */
const BYTES = 4 << 20;

/** Runs `work` while sockets that are opened get at least BYTES each way. `folder`: tests bring their own. */
export async function withBuffers<T>(work: () => Promise<T>, folder = "/proc/sys/net/core"): Promise<T> {
  const before = new Map<string, string>();
  for (const name of FILES) {
    const file = join(folder, name);
    const bytes = readFileSync(file, "utf8").trim();
    if (Number(bytes) >= BYTES) continue;
    writeFileSync(file, `${BYTES}\n`);
    before.set(file, bytes);
  }
  try {
    return await work();
  } finally {
    for (const [file, bytes] of before) writeFileSync(file, `${bytes}\n`);
  }
}
