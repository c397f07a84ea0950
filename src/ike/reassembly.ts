/**
 * The fragments of one message of the peer's, until all are there (RFC 7383 §2.6). Each is authentic before it comes here: what
 * anybody else sends changes nothing. One message at a time, no longer than `IkeOptions.fragment.gather`.
 */
import { digestOf } from "./linger.ts";
import type { Realm } from "./realm.ts";
import type { Timers } from "./timers.ts";
import {
  type Fragment,
  type FragmentPayload,
  joinFragments,
  type Message,
  type OpenMessage,
  WireError,
} from "./wire/index.ts";

interface Row {
  readonly id: number;
  /** By number − 1; undefined: not here yet. */
  readonly parts: (Fragment | undefined)[];
  missing: number;
  /** Bytes of content. */
  length: number;
  /** Fragment 1: its header counts for the message, and its digest tells it when it comes again. */
  first: { readonly message: Message; readonly digest: Uint8Array } | undefined;
  /** Bytes of the largest datagram. */
  largest: number;
}

/** A message of which all fragments are there. */
export interface Gathered {
  /** A WireError when it makes no sense, or is too long. */
  readonly content: OpenMessage | WireError;
  /** SHA-256 of the datagram that began it: fragment 1, or what came whole. */
  readonly digest: Uint8Array;
  /** Bytes of the largest of several fragments: what the peer thinks that the path carries. Undefined: it came in one piece. */
  readonly largest?: number | undefined;
}

export class Reassembly {
  readonly #realm: Realm;
  readonly #timers: Timers;
  readonly #name: string;
  #row: Row | undefined;

  /** `name`: of its alarm among `timers`. */
  constructor(realm: Realm, timers: Timers, name: string) {
    this.#realm = realm;
    this.#timers = timers;
    this.#name = name;
  }

  /** Bytes of content that wait. */
  get length(): number {
    return this.#row?.length ?? 0;
  }

  /** Would this fragment, if it is authentic, bring anything new? Not when it is here, or was cut before the peer cut smaller. */
  wants(id: number, { number, total }: FragmentPayload): boolean {
    const row = this.#row;
    if (row?.id !== id || total > row.parts.length) return true;
    return total === row.parts.length && row.parts[number - 1] === undefined;
  }

  /** Takes an authentic fragment that is wanted; `bytes`: the datagram. Undefined: others are missing. */
  add(message: Message, fragment: Fragment, bytes: Uint8Array): Gathered | undefined {
    const { messageId } = message.header;
    const { number, total, content } = fragment;
    let row = this.#row;
    if (row?.id !== messageId || row.parts.length !== total) {
      row = { id: messageId, parts: Array(total), missing: total, length: 0, first: undefined, largest: 0 };
      this.#row = row;
    }
    row.parts[number - 1] = fragment;
    row.missing -= 1;
    row.length += content.length;
    row.largest = Math.max(row.largest, bytes.length);
    if (number === 1) row.first = { message, digest: digestOf(bytes) };
    const { gather, lifetime } = this.#realm.options.fragment;
    if (row.length > gather) {
      this.clear();
      const error = new WireError("limit", 0, `A message in fragments of more than ${gather} bytes`);
      return { content: error, digest: row.first?.digest ?? digestOf(bytes) };
    }
    if (row.missing === 0) {
      this.clear();
      return { content: joined(row), digest: row.first!.digest, largest: total > 1 ? row.largest : undefined };
    }
    this.#timers.set(this.#name, lifetime, () => {
      this.#realm.count("fragments-lost");
      this.clear();
    });
    return undefined;
  }

  /** What is here is of no use any more. */
  clear(): void {
    this.#row = undefined;
    this.#timers.clear(this.#name);
  }
}

function joined(row: Row): OpenMessage | WireError {
  try {
    return joinFragments(row.first!.message, row.parts as Fragment[]);
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}
