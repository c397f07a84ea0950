/** Data of the notification SIGNATURE_HASH_ALGORITHMS, RFC 7427 §4: hash algorithms (2 each) that the sender can verify with. */
import { WireError } from "./error.ts";
import { NOTIFY } from "./iana.ts";
import { type NotifyPayload, notifyOf } from "./notify.ts";
import { View } from "./view.ts";
import { Writer } from "./writer.ts";

/** `hashes`: HASH in iana.ts. */
export function hashesNotify(hashes: readonly number[]): NotifyPayload {
  const writer = new Writer();
  for (const hash of hashes) writer.u16(hash);
  return notifyOf(NOTIFY.SIGNATURE_HASH_ALGORITHMS, writer.finish());
}

/** Numbers in such a notification. Throws WireError when it does not hold whole numbers. */
export function hashesOf({ data }: NotifyPayload): number[] {
  if (data.length % 2 !== 0) throw new WireError("length", 0, `Hash algorithms in ${data.length} bytes; each has 2`);
  const view = new View(data);
  return Array.from({ length: data.length / 2 }, () => view.u16("A hash algorithm"));
}
