/** What the API stands on. */
import type { Author } from "../author.ts";
import type { Desk } from "../desk/desk.ts";
import type { Observed, ObservedTunnel } from "../model/observed.ts";
import type { FaultLog } from "./failure.ts";

/** Of the fleet: what is seen of devices, and their keys. */
export interface FleetDoor {
  observed(device: string): Observed | undefined;
  tunnel(device: string, name: string): ObservedTunnel | undefined;
  onObserved(listener: (device: string, now: Observed, before: Observed | undefined) => void): void;
  /** Writes to the desk's database, within its transaction. */
  newKey(device: string): string;
  forget(device: string): void;
  release(device: string): void;
}

export interface ConsoleParts {
  readonly desk: Desk;
  readonly fleet: FleetDoor;
  /** PEM of the certificate that clients are to trust. */
  readonly authority: { readonly root: string };
  readonly log: FaultLog;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the guard before any handler of a route that is not public. */
    author: Author;
    /** For requests that last: may it go on, as it was let in? */
    stillAllowed(): boolean;
    /** Calls `end` once, when the author's session, token or user has ended or has another role. Gives back what stops the watch. */
    watch(end: () => void): () => void;
  }
}
