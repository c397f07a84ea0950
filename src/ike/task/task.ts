import type { Datagram } from "../effect.ts";
import type { IkeSa } from "../sa.ts";
import type { Message, Payload } from "../wire/index.ts";

/** What a request is about; decides which of the peer's requests it crosses with (RFC 7296 §2.25). */
export type TaskKind = "init" | "auth" | "child" | "child-delete" | "ike-rekey" | "ike-delete" | "probe" | "token";

/** One exchange that we begin. Made when it is wanted; its request is built when the window is open. */
export interface Task {
  readonly kind: TaskKind;
  /** EXCHANGE in wire/iana. */
  readonly exchange: number;
  /** The Child SA that it asks for (Child.key). */
  readonly key?: string;
  /** The payloads of the request; undefined: there is no need for it any more. */
  request(sa: IkeSa): readonly Payload[] | undefined;
  /**
   * IKE_SA_INIT only: an answer in the clear, which anybody could have written. False: it is not worth believing, the wait goes
   * on. True: the task has settled the window.
   */
  received?(sa: IkeSa, message: Message, datagram: Datagram): boolean;
  /** The authentic answer. */
  answered(sa: IkeSa, payloads: readonly Payload[]): void;
  /** The IKE SA went before the request was sent or answered: give back what was reserved, forget what was secret. */
  lost(): void;
}

/** Answer to a request of the peer's; `after` runs when it is on its way. */
export interface Answer {
  readonly payloads: readonly Payload[];
  readonly after?: () => void;
}
