/**
 * The control side's end of a worker's ring (layout: RING_*, RECORD_*): one producer in WASM, one consumer here. The worker
 * never waits: a full ring costs records, which it counts. What a record holds is copied out before its room is given back.
 */

import {
  RECORD_HEADER,
  RECORD_IKE,
  RECORD_KIND,
  RECORD_LOCAL,
  RECORD_NAME,
  RECORD_SIZE,
  RECORD_SKIP,
  RECORD_SOCKET,
  RECORD_VALUE,
  RING_DATA,
  RING_HEAD,
  RING_SIZE,
  RING_TAIL,
} from "../../assembly/layout.ts";
import { readSocketName } from "../linux/sockaddr.ts";
import type { PlaneMemory } from "./memory.ts";

export interface RingRecord {
  /** RECORD_*. */
  readonly kind: number;
  /** RECORD_VALUE: what it means depends on the kind. */
  readonly value: number;
  /** SOCKET_* that it arrived on. */
  readonly socket: number;
  /** The sender; undefined when the record has none. */
  readonly remote: { readonly address: Uint8Array; readonly port: number } | undefined;
  /** Our address that it was sent to: 4 or 16 bytes, as the sender's; empty when there is no sender. */
  readonly local: Uint8Array;
  /** RECORD_IKE: the message. Else empty. */
  readonly payload: Uint8Array;
}

export class Ring {
  readonly #memory: PlaneMemory;
  readonly #signed: Int32Array;
  readonly #arena: number;
  readonly #head: number;
  readonly #tail: number;

  /** `arena`: address of the worker's arena. */
  constructor(memory: PlaneMemory, arena: number) {
    this.#memory = memory;
    this.#signed = new Int32Array(memory.memory.buffer);
    this.#arena = arena;
    this.#head = (arena + RING_HEAD) >>> 2;
    this.#tail = (arena + RING_TAIL) >>> 2;
  }

  /** The oldest record, taken out; undefined: the ring is empty. */
  take(): RingRecord | undefined {
    const { view, words } = this.#memory;
    for (;;) {
      const tail = Atomics.load(words, this.#tail);
      if (tail === Atomics.load(words, this.#head)) return undefined;
      const at = this.#arena + RING_DATA + (tail % RING_SIZE);
      const size = view.getUint32(at + RECORD_SIZE, true);
      if (size < 16 || size % 16 !== 0 || (tail % RING_SIZE) + size > RING_SIZE) {
        throw new RangeError(`a ring record of ${size} bytes at ${tail % RING_SIZE}`);
      }
      const record = view.getUint32(at + RECORD_KIND, true) === RECORD_SKIP ? undefined : this.#read(at, size);
      Atomics.store(words, this.#tail, (tail + size) >>> 0);
      if (record !== undefined) return record;
    }
  }

  /** Resolves when there is something to take; at once if there is. */
  async wait(): Promise<void> {
    const tail = Atomics.load(this.#signed, this.#tail);
    const result = Atomics.waitAsync(this.#signed, this.#head, tail);
    if (result.async) await result.value;
  }

  /** Ends a `wait` although nothing came. */
  wake(): void {
    Atomics.notify(this.#signed, this.#head);
  }

  #read(at: number, size: number): RingRecord {
    const { view, bytes } = this.#memory;
    const kind = view.getUint32(at + RECORD_KIND, true);
    const value = view.getUint32(at + RECORD_VALUE, true);
    const name = readSocketName(view, at + RECORD_NAME);
    const length = kind === RECORD_IKE ? value : 0;
    if (RECORD_HEADER + length > size) throw new RangeError(`a ring record of ${size} bytes with ${length} of payload`);
    return {
      kind,
      value,
      socket: view.getUint32(at + RECORD_SOCKET, true),
      remote: name === undefined ? undefined : { address: name.address, port: name.port },
      local: copy(bytes, at + RECORD_LOCAL, name?.address.length ?? 0),
      payload: copy(bytes, at + RECORD_HEADER, length),
    };
  }
}

/** Out of shared memory, into bytes of its own. */
function copy(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const own = new Uint8Array(length);
  own.set(bytes.subarray(at, at + length));
  return own;
}
