/** The peer gets our token for an IKE SA, RFC 6290 §4.2, §4.3: in IKE_AUTH, and anew when the IKE SA is rekeyed, as the token goes by the SPIs. */
import type { IkeSa } from "../sa.ts";
import { EXCHANGE, type Payload } from "../wire/index.ts";
import type { Task } from "./task.ts";

/** What goes into a protected message of an exchange that makes the IKE SA; both SPIs must be known. Nothing where this router has no secret. */
export function ourToken({ realm, spiI, spiR }: IkeSa): Payload[] {
  return realm.tokens === undefined ? [] : [realm.tokens.make(spiI, spiR)];
}

/** An INFORMATIONAL exchange of its own: who begins a rekey knows both SPIs when all of it has been said (§4.3). */
export class TokenExchange implements Task {
  readonly kind = "token";
  readonly exchange = EXCHANGE.INFORMATIONAL;

  request(sa: IkeSa): readonly Payload[] | undefined {
    return sa.state === "up" ? ourToken(sa) : undefined;
  }

  answered(): void {}

  lost(): void {}
}
