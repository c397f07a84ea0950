/**
 * Devices that have a newer configuration than the console knows of: it was restored from a backup. Devices take nothing older than what
 * they have had, so that nobody can play an old configuration back to them; what they get from now on is newer than that.
 *
 * An agent shows the console's own statement, with its signature, of the newest configuration that it has kept. So it can claim no version
 * that this console has not given it, and none in the name of another device. Whoever claims one without that is told of, and gets what he
 * would get anyhow.
 */
import { createPublicKey, verify } from "node:crypto";
import { provenText } from "../../protocol/statement.ts";
import type { HelloFrame } from "../../protocol/stream.ts";
import type { NewEvent } from "../store/events.ts";
import type { FleetDesk } from "./desk.ts";

export interface RestorationParts {
  readonly desk: Pick<FleetDesk, "versionOf" | "raise">;
  /** Ed25519 public key (SPKI, PEM) of the console's statements. */
  readonly configKey: string;
  readonly event: (event: NewEvent) => void;
}

/** What looks at each hello, before anything is made of it. */
export function restoration({ desk, configKey, event }: RestorationParts): (device: string, hello: HelloFrame) => void {
  const key = createPublicKey(configKey);
  let told = false;
  return (device, { have, newest }) => {
    const held = Math.max(have, newest?.statement.version ?? 0);
    const known = desk.versionOf(device);
    if (held <= known) return;
    if (newest?.statement.version !== held || !isOurs(device, newest)) {
      event({
        level: "WARN",
        code: "ConfigurationUnknown",
        message: `Device ${device} says that it has configuration ${held}, which this console has not given it (the newest is ${known}), and cannot prove it. Should it refuse its configuration as older: vcpe leave there, then vcpe join`,
        subject: { kind: "device", id: device, name: device },
      });
      return;
    }
    desk.raise(device, held);
    if (told) return;
    told = true;
    event({
      level: "WARN",
      code: "RestoredFromBackup",
      message: `Device ${device} has configuration ${held}, and the newest that this console knows of is ${known}: the console was restored from a backup. Each device gets its configuration as the backup has it; look at what was changed since`,
    });
  };

  function isOurs(device: string, { statement, proof }: NonNullable<HelloFrame["newest"]>): boolean {
    const { router, version } = statement;
    const text = provenText(statement, proof);
    return (
      router === device &&
      Number.isSafeInteger(version + 1) &&
      text !== undefined &&
      verify(null, Buffer.from(text), key, Buffer.from(proof.signature, "base64"))
    );
  }
}
