/** Keys of devices are shown once: on the terminal, or into a file that its owner alone may read. */
import { existsSync, rmSync } from "node:fs";
import { writeSecret } from "./credentials.ts";
import { ClientError } from "./error.ts";
import type { NewDevice } from "./item.ts";
import { note, say, type Terminal } from "./terminal.ts";

/**
 * To be called before anything is made: a file that is there is not overwritten, and nothing is made whose keys could not be written.
 *
 * @throws ClientError keys-file, credentials
 */
export function checkKeysFile(file: string | undefined): void {
  if (file === undefined) return;
  if (existsSync(file))
    throw new ClientError("failed", "keys-file", `${file} is there already`, "Name a file that is not");
  writeSecret(file, "");
  rmSync(file);
}

/**
 * The file: one device a line, serial number and key. On the terminal when the disk does not take them after all, as they are shown once.
 *
 * @throws ClientError credentials: after they were shown
 */
export function showKeys(terminal: Terminal, devices: readonly NewDevice[], file: string | undefined): void {
  const keyed = devices.filter(({ key }) => typeof key === "string");
  if (devices.length > keyed.length)
    note(terminal, "The keys of these devices were shown before; make new ones with: vcpe reset-key device SERIAL");
  const owner = ({ instance, accessPoint }: NewDevice) => instance ?? accessPoint ?? "";
  if (file !== undefined && keyed.length > 0) {
    try {
      writeSecret(file, keyed.map(({ serial, key }) => `${serial} ${key}\n`).join(""));
    } catch (error) {
      showKeys(terminal, devices, undefined);
      throw error;
    }
    note(terminal, `keys of ${keyed.length} devices are in ${file}`);
  }
  for (const device of devices) {
    const key = file === undefined && device.key ? `  key ${device.key}` : "";
    say(terminal, `device ${device.serial}  ${[device.role, owner(device)].filter(Boolean).join(" of ")}${key}`);
  }
  if (file === undefined && keyed.length > 0)
    note(terminal, "Keys are shown this once and are not kept. Write them down, or use --keys-file FILE.");
}
