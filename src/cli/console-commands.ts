/** The commands that speak to a console. Each loads what it needs when it is called. */
import type { Command } from "commander";
import { processTerminal as terminal } from "./client/terminal.ts";

const JSON_FLAG = ["--json", "as JSON"] as const;
const DRY_RUN = ["--dry-run", "only say what would change, router by router"] as const;
const KEYS_FILE = ["--keys-file <file>", "write keys of devices there (mode 0600) instead of showing them"] as const;
const KIND = "area, access-point, cen, ccn, instance, device, vpc, vbr, security-group or rule; or its plural";
const NAME = "name or id";
const ROLE = "viewer, operator or admin";

export function addConsoleCommands(vcpe: Command): void {
  server(vcpe);
  sessions(vcpe);
  resources(vcpe);
  acts(vcpe);
  views(vcpe);
  people(vcpe);
}

function server(vcpe: Command): void {
  vcpe
    .command("console")
    .description("run the console, in the foreground (SIGTERM: end); its first start prints a one-time password")
    .option("--folder <folder>", "where it keeps everything", "/var/lib/vcpe/console")
    .option("--listen <address:port>", "IPv4 or [IPv6]", "0.0.0.0:8443")
    .option("--name <name...>", "names and addresses that it is reached at, for its certificate; the best one first")
    .option(
      "--certificate <file>",
      "PEM chain to use instead of a certificate from the console's own CA; renewed files are taken by themselves",
    )
    .option("--key <file>", "PEM of its key")
    .option("--http", "plain HTTP, on a loopback address only; devices cannot connect then")
    .option("--json", "print URL, CA fingerprint and one-time password as one line of JSON")
    .option("--keep-events <days>", "how long events and failed logins are kept, 100,000 of each at most", "90")
    .option("--keep-audit <days>", "how long what users did is kept, 365 at least", "1825")
    .option("--log-level <level>", "debug, info, warn or error", "info")
    .option("--reset-password <user>", "give a user a new one-time password and end; the console must not run")
    .action(async (flags) => {
      process.exitCode = await (await import("./console.ts")).runConsole(flags);
    });
}

function sessions(vcpe: Command): void {
  vcpe
    .command("login")
    .description("log in at a console; the password is asked for, or comes from a file or VCPE_PASSWORD")
    .requiredOption("--console <url>", "https://console.example:8443")
    .option("--ca <fingerprint>", "SHA-256 of the console's CA, as it printed it; else it is shown and asked")
    .option("--ca-file <file>", "PEM of the CA that issued the console's certificate")
    .option("--user <name>", "who you are", "admin")
    .option("--password-file <file>", "its first line is the password; -: standard input")
    .option("--new-password-file <file>", "the password that takes the place of a one-time password")
    .option("--yes", "trust the CA that is shown without a question")
    .option(...JSON_FLAG)
    .action(async (flags) => (await import("./login.ts")).login(terminal, flags));
  vcpe
    .command("logout")
    .description("revoke the token of this machine and forget it")
    .action(async () => (await import("./login.ts")).logout(terminal));
  vcpe
    .command("password")
    .description("change your password at the console")
    .option("--password-file <file>", "its first line is the old password")
    .option("--new-password-file <file>", "its first line is the new password")
    .action(async (flags) => (await import("./login.ts")).changePassword(terminal, flags));
  vcpe
    .command("whoami")
    .description("who is logged in, and where")
    .option(...JSON_FLAG)
    .action(async (flags) => (await import("./people.ts")).whoami(terminal, flags));
}

function resources(vcpe: Command): void {
  vcpe
    .command("get")
    .description("show resources of a kind, or one of them")
    .argument("<kind>", KIND)
    .argument("[name]", NAME)
    .option(
      "--filter <key=value>",
      "only those, such as ccn=corp; may be repeated",
      (one: string, all: string[] = []) => [...all, one],
    )
    .option(...JSON_FLAG)
    .action(async (kind, name, flags) => (await import("./get.ts")).get(terminal, kind, name, flags));
  for (const [name, what, own] of [
    ["create", "make a resource; vcpe create KIND --help lists its keys", "--keys-file FILE"],
    ["update", "change keys of a resource; vcpe update KIND --help lists them", "--name NEW"],
  ] as const) {
    vcpe
      .command(name)
      .description(what)
      .usage("KIND NAME --key value …")
      .argument("[words...]", `kind, name, and --key value; --json, --dry-run, ${own}`)
      .allowUnknownOption()
      .passThroughOptions()
      .action(async (words) => {
        const commands = await import("./write.ts");
        await commands[name](terminal, words);
      });
  }
  vcpe
    .command("delete")
    .description("delete a resource that nothing refers to")
    .argument("<kind>", KIND)
    .argument("<name>", NAME)
    .option(...DRY_RUN)
    .option(...JSON_FLAG)
    .action(async (kind, name, flags) => (await import("./write.ts")).remove(terminal, kind, name, flags));
  vcpe
    .command("apply")
    .description("make the console as a file says, all of it or nothing")
    .option("-f, --file <file>", "a site in YAML; -: standard input")
    .option(...DRY_RUN)
    .option("--prune", "delete what is not in the file")
    .option("--routers <n>", "of how many routers the difference is told (default: 100; 4 MB of it at most)")
    .option(...KEYS_FILE)
    .option("--schema", "print the JSON Schema of such files")
    .option(...JSON_FLAG)
    .action(async (flags) => (await import("./apply.ts")).apply(terminal, flags));
}

function acts(vcpe: Command): void {
  for (const [name, what] of [
    ["bind", "bind an instance to a CCN, or a CCN, VPC or VBR to a CEN"],
    ["unbind", "take such a binding back"],
  ] as const) {
    const command = vcpe.command(name).description(what);
    command
      .argument("<kind>", "instance, ccn, vpc or vbr")
      .argument("<name>", NAME)
      .argument(name === "bind" ? "<to>" : "[to]", "ccn or cen")
      .argument(name === "bind" ? "<target>" : "[target]", "its name")
      .option(...DRY_RUN)
      .option(...JSON_FLAG)
      .action(async (kind, one, to, target, flags) =>
        (await import("./act.ts")).bind(terminal, name, [kind, one, to, target], flags),
      );
  }
  for (const [name, kind, what] of [
    ["activate", "instance", "let the devices of an instance have their tunnels"],
    ["lock", "instance", "take the tunnels of an instance away"],
    ["unlock", "instance", "give them back"],
    ["reset-key", "device", "make a new key for a device; the old one is void"],
    ["release", "device", "let another host enrol as a device"],
  ] as const) {
    const command = vcpe.command(name).description(what).argument("<kind>", kind).argument("<name>", NAME);
    if (name === "reset-key") command.option(...KEYS_FILE);
    command
      .option(...DRY_RUN)
      .option(...JSON_FLAG)
      .action(async (word, one, flags) => (await import("./act.ts")).act(terminal, name, word, one, flags));
  }
}

function views(vcpe: Command): void {
  vcpe
    .command("ready")
    .description("is the whole chain of an instance in order? names the first broken link (exit code 1: not ready)")
    .argument("<instance>")
    .option("--wait", "until it is")
    .option("--timeout <duration>", "how long to wait, such as 30s or 2m", "120s")
    .option(...JSON_FLAG)
    .action(async (name, flags) => {
      process.exitCode = await (await import("./ready.ts")).ready(terminal, name, flags);
    });
  vcpe
    .command("routes")
    .description("prefixes, where they come from, and conflicts")
    .option("--cen <name>", "of a CEN")
    .option("--ccn <name>", "of the network that a CCN is in")
    .option("--instance <name>", "of the network that an instance is in")
    .option(...JSON_FLAG)
    .action(async (flags) => (await import("./watch.ts")).routes(terminal, flags));
  vcpe
    .command("events")
    .description("what happened")
    .option("--follow", "and what happens, until Ctrl-C; with --json one line each")
    .option("--level <level>", "INFO, WARN or CRITICAL only")
    .option("--limit <n>", "how many of the past", "50")
    .option(...JSON_FLAG)
    .action(async (flags) => {
      const ending = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());
      await (await import("./watch.ts")).events(terminal, flags, ending.signal);
    });
  vcpe
    .command("audit")
    .description("who changed what, from where")
    .option("--user <name>", "only by this user")
    .option("--limit <n>", "how many, the latest", "50")
    .option(...JSON_FLAG)
    .action(async (flags) => (await import("./watch.ts")).audit(terminal, flags));
}

function people(vcpe: Command): void {
  const users = vcpe.command("users").description("users of the console (administrators only)");
  users
    .command("list", { isDefault: true })
    .description("show all of them; without a sub-command, too")
    .option(...JSON_FLAG)
    .action(async (flags) => (await import("./people.ts")).listUsers(terminal, flags));
  users
    .command("add")
    .description("make one; prints a one-time password")
    .argument("<name>")
    .requiredOption("--role <role>", ROLE)
    .option(...JSON_FLAG)
    .action(async (name, flags) => (await import("./people.ts")).addUser(terminal, name, flags));
  users
    .command("set")
    .description("change role or password of one, or shut it out")
    .argument("<name>")
    .option("--role <role>", ROLE)
    .option("--disable", "cannot log in, and its tokens are not taken")
    .option("--enable", "may log in again")
    .option("--reset-password", "a new one-time password; sessions end, tokens are revoked")
    .option(...JSON_FLAG)
    .action(async (name, flags) => (await import("./people.ts")).setUser(terminal, name, flags));
  users
    .command("delete")
    .description("remove one; its sessions end, its tokens go")
    .argument("<name>")
    .action(async (name) => (await import("./people.ts")).removeUser(terminal, name));
  const tokens = vcpe.command("tokens").description("API tokens, for programs");
  tokens
    .command("list", { isDefault: true })
    .description("show yours; without a sub-command, too")
    .option("--user <name>", "of another user; *: of all (administrators only)")
    .option(...JSON_FLAG)
    .action(async (flags) => (await import("./people.ts")).listTokens(terminal, flags));
  tokens
    .command("add")
    .description("make one; asks for your password")
    .argument("<what-for>")
    .option("--role <role>", `${ROLE}; at most your own, which is the default`)
    .option("--days <n>", "how long it is good; default 90")
    .option("--password-file <file>", "its first line is your password; -: standard input")
    .option(...JSON_FLAG)
    .action(async (name, flags) => (await import("./people.ts")).addToken(terminal, name, flags));
  tokens
    .command("revoke")
    .description("make one void at once")
    .argument("<id>")
    .action(async (id) => (await import("./people.ts")).revokeToken(terminal, id));
}
