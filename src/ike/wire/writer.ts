import { WireError } from "./error.ts";

/** Largest UDP payload, largest payload, largest anything with a 16-bit length. */
export const MAX_LENGTH = 65_535;

/** Big-endian fields one after the other into memory that grows. Throws "too-long" above MAX_LENGTH bytes. */
export class Writer {
  #bytes = new Uint8Array(512);
  #length = 0;

  /** Bytes written. */
  get length(): number {
    return this.#length;
  }

  #room(length: number): number {
    const at = this.#length;
    const need = at + length;
    if (need > MAX_LENGTH) {
      throw new WireError("too-long", at, `A message of ${need} bytes does not fit; the limit is ${MAX_LENGTH}`);
    }
    if (need > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = need;
    return at;
  }

  #fits(value: number, limit: number): void {
    if (value > limit)
      throw new WireError("too-long", this.#length, `${value} does not fit into a field up to ${limit}`);
  }

  u8(value: number): void {
    this.#fits(value, 0xff);
    // Room first: it may replace the memory that is written to.
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    this.#fits(value, 0xffff);
    const at = this.#room(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value & 0xffff);
  }

  u64(value: bigint): void {
    this.u32(Number((value >> 32n) & 0xffff_ffffn));
    this.u32(Number(value & 0xffff_ffffn));
  }

  bytes(value: Uint8Array): void {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  /** Writes a field over again that was not known when its turn came: a length. */
  patch16(at: number, value: number): void {
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
