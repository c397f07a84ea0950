import { WireError } from "./error.ts";

/**
 * A checked view over bytes: reads big-endian fields one after the other and never outside `[start, end)`. What `take` and
 * `rest` return are views on the same memory, not copies.
 */
export class View {
  readonly bytes: Uint8Array;
  /** Next byte to read, from the start of `bytes`. */
  offset: number;
  /** First byte that does not belong to this view any more. */
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    // A Buffer's own slice() would be a view where a Uint8Array's is a copy: what we hand out is always the latter.
    this.bytes = Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes;
    this.offset = start;
    this.end = end;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.end - this.offset;
  }

  /** Moves on by `length` and returns where it stood; throws "truncated" when there is less. `what` names the field. */
  skip(length: number, what: string): number {
    const at = this.offset;
    if (length > this.end - at) {
      throw new WireError("truncated", at, `${what} needs ${length} bytes, ${this.end - at} are left`);
    }
    this.offset = at + length;
    return at;
  }

  u8(what: string): number {
    return this.bytes[this.skip(1, what)];
  }

  u16(what: string): number {
    const at = this.skip(2, what);
    return (this.bytes[at] << 8) | this.bytes[at + 1];
  }

  u32(what: string): number {
    const at = this.skip(4, what);
    const b = this.bytes;
    return ((b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]) >>> 0;
  }

  u64(what: string): bigint {
    const high = this.u32(what);
    return (BigInt(high) << 32n) | BigInt(this.u32(what));
  }

  take(length: number, what: string): Uint8Array {
    const at = this.skip(length, what);
    return this.bytes.subarray(at, at + length);
  }

  /** The next `length` bytes as a view of their own; offsets in errors stay those of the whole. */
  inner(length: number, what: string): View {
    const at = this.skip(length, what);
    return new View(this.bytes, at, at + length);
  }

  rest(): Uint8Array {
    const at = this.offset;
    this.offset = this.end;
    return this.bytes.subarray(at, this.end);
  }

  /** Throws "length" unless everything was read. */
  done(what: string): void {
    if (this.offset !== this.end) {
      throw new WireError("length", this.offset, `${what} has ${this.end - this.offset} bytes too many`);
    }
  }
}
