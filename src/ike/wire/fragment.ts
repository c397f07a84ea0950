/**
 * Encrypted Fragment payload SKF, RFC 7383 §2.5:
 *
 *   generic header │ fragment number (2) │ total fragments (2) │ IV (8) │ ciphertext │ tag (16)
 *   └─ next: type of the first inner payload in fragment 1, 0 in the others
 *
 * Associated data: everything before the IV, number and total included. The payload is the last of its message.
 */
import { WireError } from "./error.ts";
import type { View } from "./view.ts";

/** Fragments in one message that we gather or send. 64 × 1,200 bytes are more than an IKE message can have. */
export const MAX_FRAGMENTS = 64;

export interface FragmentPayload {
  readonly kind: "fragment";
  /** Type of the first payload inside the whole message; 0 unless `number` is 1. */
  readonly first: number;
  /** 1 – `total`. */
  readonly number: number;
  /** 1 – MAX_FRAGMENTS. */
  readonly total: number;
  /** IV, ciphertext and tag. */
  readonly body: Uint8Array;
  /** Where the body begins in the message: what stands before it is the associated data. */
  readonly at: number;
}

export function parseFragment(first: number, view: View): FragmentPayload {
  const start = view.offset;
  const number = view.u16("The fragment number");
  const total = view.u16("The number of fragments");
  if (number === 0 || number > total) throw new WireError("value", start, `Fragment ${number} of ${total}`);
  if (total > MAX_FRAGMENTS) {
    throw new WireError("limit", start, `A message of ${total} fragments; the limit is ${MAX_FRAGMENTS}`);
  }
  if (number > 1 && first !== 0) {
    throw new WireError("value", start, `Fragment ${number} names a first payload; only fragment 1 may`);
  }
  const at = view.offset;
  return { kind: "fragment", first, number, total, body: view.rest(), at };
}
