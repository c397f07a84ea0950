/** The part of the desk that the fleet needs: what is wanted of devices, and where what happens to them is told. */
import type { Parts, PartsDelta } from "../../protocol/parts.ts";
import type { Change, Intent } from "../model/intent.ts";
import type { NewEvent } from "../store/events.ts";

export interface FleetDesk {
  readonly intent: Intent;
  parts(router: string): Parts | undefined;
  /** Revision that last changed this router's parts; 0: never. */
  versionOf(router: string): number;
  /** The router has had version `above`, from before the console was restored: its version is a higher one from now on. */
  raise(router: string, above: number): void;
  onCommitted(
    listener: (committed: {
      readonly changes: readonly Change[];
      readonly deltas: ReadonlyMap<string, PartsDelta>;
    }) => void,
  ): void;
  event(event: NewEvent): void;
}
