/** `vcpe console`: runs the console in the foreground until it is told to end. Log lines go to standard error. */
import { isIP } from "node:net";
import { readCertificate } from "../console/certificate.ts";
import { makeLog } from "../router/log.ts";
import { usage } from "./client/error.ts";
import { EXIT } from "./exit.ts";
import { foreground } from "./foreground.ts";

export interface ConsoleFlags {
  readonly folder: string;
  readonly listen: string;
  readonly name?: readonly string[];
  readonly certificate?: string;
  readonly key?: string;
  readonly http?: boolean;
  readonly json?: boolean;
  readonly keepEvents: string;
  readonly keepAudit: string;
  readonly logLevel: string;
  readonly resetPassword?: string;
}

const say = (text: string) => process.stdout.write(`${text}\n`);

/** Gives the exit code. @throws ClientError usage; StartError, AuthorityError: nothing is left behind. */
export async function runConsole(flags: ConsoleFlags): Promise<number> {
  const { folder, name = [], http = false, certificate, key } = flags;
  if (flags.resetPassword !== undefined) return reset(folder, flags.resetPassword);
  const listen = readListen(flags.listen, http);
  if ((certificate === undefined) !== (key === undefined))
    throw usage("--certificate and --key belong together", "Give both, or neither");
  if (http && certificate !== undefined)
    throw usage("plain HTTP has no certificate", "Leave out --http or --certificate");
  if (!["debug", "info", "warn", "error"].includes(flags.logLevel))
    throw usage(`there is no log level "${flags.logLevel}"`, "Levels: debug, info, warn, error");
  const keep = {
    events: readDays("--keep-events", flags.keepEvents, 1),
    audit: readDays("--keep-audit", flags.keepAudit, 365),
  };
  const read = certificate !== undefined && key !== undefined ? () => readCertificate(certificate, key) : undefined;
  const given = read?.();

  const log = makeLog("console", flags.logLevel, process.stderr);
  const { ended } = foreground(log);
  let reread: (() => Promise<void>) | undefined;
  process.on("SIGHUP", () => void reread?.());
  log.info({ folder }, "the console starts");
  const { openConsole } = await import("../console/console.ts");
  const { keepHeapSmall } = await import("../console/heap.ts");
  keepHeapSmall();
  const opened = await openConsole({ folder, listen, names: name, certificate: given, reread: read, http, keep, log });
  reread = opened.reread;
  const { url, fingerprint, firstPassword } = opened;
  if (flags.json) say(JSON.stringify({ url, fingerprint, ...(firstPassword && { user: "admin", firstPassword }) }));
  else {
    say(`console at ${url}`);
    if (fingerprint !== null) say(`CA fingerprint ${fingerprint}`);
    if (firstPassword !== undefined)
      say(`first login: user admin, one-time password ${firstPassword} (shown this once)`);
  }
  log.info({ pid: process.pid, folder }, "console runs");
  const code = await ended;
  await opened.close();
  log.info("ended");
  return code;
}

async function reset(folder: string, user: string): Promise<number> {
  const { resetPasswordIn } = await import("../console/console.ts");
  const progress = (line: string) => void process.stderr.write(`vcpe: ${line} …\n`);
  say(`user ${user}, one-time password ${await resetPasswordIn(folder, user, undefined, progress)} (shown this once)`);
  return EXIT.ok;
}

/** "0.0.0.0:8443", "[::]:8443". @throws ClientError usage */
function readListen(text: string, http: boolean): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3]);
  if (!match || isIP(host) === 0 || port > 65535)
    throw usage(`--listen: "${text}" is no address and port`, "Write 0.0.0.0:8443, 192.0.2.1:443 or [::]:8443");
  if (http && !/^127\./.test(host) && host !== "::1")
    throw usage(`plain HTTP at ${host} would show passwords to the network`, "With --http listen at 127.0.0.1:PORT");
  return { host, port };
}

/** Gives milliseconds. @throws ClientError usage */
function readDays(flag: string, text: string, least: number): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (days < least) throw usage(`${flag}: "${text}" is no number of days`, `Write ${least} to 99999`);
  return days * 86_400_000;
}
