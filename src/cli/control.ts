/** `vcpe reload`, `rekey`, `initiate` and `terminate`: short requests to a running router. */
import { shown } from "../router/shown.ts";
import { ask, chooseRouter } from "../router/status/client.ts";
import type { ReloadReply } from "../router/status/schema.ts";

const say = (...lines: readonly string[]) => process.stdout.write(lines.map((line) => `${shown(line)}\n`).join(""));

export async function reload(flags: { readonly name?: string }): Promise<void> {
  const name = await chooseRouter(flags.name);
  const { applied, warnings } = await ask<ReloadReply>(name, "POST", "/reload");
  say(...warnings);
  if (applied.length === 0) say(`${name}: nothing has changed`);
  else say(`${name}: ${applied.length} changes`, ...applied.map((line) => `  ${line}`));
}

export async function rekey(
  tunnel: string,
  flags: { readonly name?: string; readonly ike?: boolean; readonly child?: string },
): Promise<void> {
  const name = await chooseRouter(flags.name);
  const what = flags.ike ? "ike" : "child";
  await ask(name, "POST", `/tunnels/${encodeURIComponent(tunnel)}/rekey`, {
    what,
    ...(flags.child === undefined ? {} : { child: flags.child }),
  });
  say(`${name}: rekeying the ${what === "ike" ? "IKE SA" : "Child SA"} of ${tunnel}`);
}

export async function initiate(tunnel: string, flags: { readonly name?: string }): Promise<void> {
  const name = await chooseRouter(flags.name);
  await ask(name, "POST", `/tunnels/${encodeURIComponent(tunnel)}/initiate`);
  say(`${name}: starting ${tunnel}`);
}

export async function terminate(tunnel: string, flags: { readonly name?: string }): Promise<void> {
  const name = await chooseRouter(flags.name);
  await ask(name, "POST", `/tunnels/${encodeURIComponent(tunnel)}/terminate`);
  say(`${name}: ending ${tunnel}`);
}
