/** The command line. Each sub-command loads what it needs when it is called, so that all of them start at once. */
import { type Argument, Command } from "commander";
import { version } from "../router/version.ts";
import { complain } from "./complain.ts";
import { addConsoleCommands } from "./console-commands.ts";
import { EXIT } from "./exit.ts";
import type { JoinFlags } from "./join.ts";
import { mindReader } from "./reader.ts";

const CONFIG = "the router's configuration file (YAML)";
const SERIAL = "serial number of the device; needed when this host has joined as several";
const STATE = "folder of identities (default /var/lib/vcpe/agent)";
const RUN_STATE =
  "folder of identities (default /var/lib/vcpe/agent), or, with a file, of what outlives a restart (default /var/lib/vcpe/router)";
/** As lab.ts and bench.ts have it, which are not loaded for the list of commands. */
const LAB =
  "the tutorial on this machine: console, access points, branches and VPCs in network namespaces; performs it, checks it and stays up";
const BENCH = "measure the router: kernels, the road without a kernel, and whole routers beside others";
const NAME = "name of the router; needed when several run on this host";

const EXIT_CODES = `
Exit codes:
   0  done
   1  refused or failed
   2  wrong usage
   3  configuration has errors
   4  no such router or console answers
   5  the name is taken
   6  not logged in
   7  the console refused
  69  the installation failed
  70  a fault in the program
 130  a lab or bench that Ctrl-C ended`;

function argumentText(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? "..." : "");
  return argument.required ? `<${name}>` : `[${name}]`;
}

async function program(): Promise<Command> {
  const vcpe = new Command("vcpe")
    .description("An open virtual CPE: joins private networks over encrypted tunnels (IKEv2, ESP), all in userspace.")
    .version(version(), "-V, --version", "print the version")
    .exitOverride()
    .showHelpAfterError("(vcpe --help, or vcpe COMMAND --help, says more)")
    // Descriptions are wrapped beside the longest command, also at 80 columns; that there are options, each command's own help says.
    .configureHelp({
      subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentText)].join(" "),
      minWidthToWrap: 30,
    })
    .addHelpText("after", EXIT_CODES)
    .enablePositionalOptions();

  for (const role of ["edge", "gateway"] as const) {
    vcpe
      .command(role)
      .description(
        role === "edge"
          ? "run a router at a branch, in the foreground: from a file, or, without one, as the console says (SIGHUP: read the file again; SIGTERM: end)"
          : "run a router on the cloud side; the same program as edge",
      )
      .option("-c, --config <file>", CONFIG)
      .option("-s, --serial <serial>", SERIAL)
      .option("--state <folder>", RUN_STATE)
      .action(async ({ config, ...flags }: { config?: string; serial?: string; state?: string }, command: Command) => {
        if (config !== undefined && flags.serial !== undefined)
          command.error("error: a file, or an identity of a console: not both", { exitCode: EXIT.usage });
        process.exitCode =
          config === undefined
            ? await (await import("./managed.ts")).runManaged(role, flags)
            : await (await import("./run.ts")).run(role, config, flags.state);
      });
  }
  vcpe
    .command("join")
    .description("make this host a device of a console; asks for the device key (or --key-file, or VCPE_KEY)")
    .requiredOption("--console <url>", "https://HOST[:PORT]")
    .requiredOption("-s, --serial <serial>", "serial number, as the console showed it")
    .option("--ca <fingerprint>", "SHA-256 fingerprint of the console's CA, which it prints at its start")
    .option("--key-file <file>", "file with the device key")
    .option("--state <folder>", STATE)
    .action(async (flags: JoinFlags) => (await import("./join.ts")).join(flags));
  vcpe
    .command("leave")
    .description("forget the identity that this host has at a console, and its configuration")
    .option("-s, --serial <serial>", SERIAL)
    .option("--state <folder>", STATE)
    .action(async (flags: { serial?: string; state?: string }) => (await import("./join.ts")).leave(flags));
  vcpe
    .command("check")
    .description("check a configuration file; start nothing")
    .argument("[file]", CONFIG)
    .option("--json", "print the configuration as the router sees it, all defaults filled in, no secrets")
    .option("--schema", "print the JSON Schema of configuration files")
    .option("--reference", "print the reference of all keys, in Markdown")
    .action(
      async (
        file: string | undefined,
        flags: { json?: boolean; schema?: boolean; reference?: boolean },
        command: Command,
      ) => {
        const { check, printReference, printSchema } = await import("./check.ts");
        if (flags.schema) printSchema();
        else if (flags.reference) printReference();
        else if (file === undefined) command.error("error: which file? vcpe check FILE", { exitCode: EXIT.usage });
        else check(file, flags);
      },
    );
  vcpe
    .command("doctor")
    .description(
      "what this host lacks for a router, or for a quick one, and what to do (exit code 1: something must be done)",
    )
    .option("-c, --config <file>", CONFIG)
    .option("--json", "all checks, as JSON")
    .action(async (flags: { config?: string; json?: boolean }) => {
      process.exitCode = await (await import("./doctor.ts")).doctor(flags);
    });
  vcpe
    .command("status")
    .description("show tunnels, Child SAs, routes and drops of running routers")
    .option("-n, --name <name>", NAME)
    .option("--json", "all there is, as JSON")
    .option("-w, --watch", "refresh every second until Ctrl-C; with --json one line a second")
    .action(async (flags: { name?: string; json?: boolean; watch?: boolean }) => {
      const { showStatus } = await import("./status.ts");
      await showStatus(flags);
    });
  vcpe
    .command("reload")
    .description("read the configuration file again and apply what has changed, whole or not at all")
    .option("-n, --name <name>", NAME)
    .action(async (flags: { name?: string }) => (await import("./control.ts")).reload(flags));
  vcpe
    .command("rekey")
    .description("make fresh keys for a tunnel now")
    .argument("<tunnel>")
    .option("--ike", "of the IKE SA instead of the Child SAs")
    .option("--child <name>", "of this Child SA only")
    .option("-n, --name <name>", NAME)
    .action(async (tunnel: string, flags: { name?: string; ike?: boolean; child?: string }) =>
      (await import("./control.ts")).rekey(tunnel, flags),
    );
  vcpe
    .command("initiate")
    .description("start a tunnel now")
    .argument("<tunnel>")
    .option("-n, --name <name>", NAME)
    .action(async (tunnel: string, flags: { name?: string }) => (await import("./control.ts")).initiate(tunnel, flags));
  vcpe
    .command("terminate")
    .description("end a tunnel; it stays configured")
    .argument("<tunnel>")
    .option("-n, --name <name>", NAME)
    .action(async (tunnel: string, flags: { name?: string }) =>
      (await import("./control.ts")).terminate(tunnel, flags),
    );
  addConsoleCommands(vcpe);
  vcpe
    .command("version")
    .description("print the version")
    .action(() => {
      process.stdout.write(`${version()}\n`);
    });

  // The lab is loaded for its own sake or for help only; anything else need not wait for it.
  if (process.argv[2] === "lab" || process.argv[2] === "help") vcpe.addCommand((await import("./lab.ts")).labCommand());
  else vcpe.command("lab").description(LAB);
  if (process.argv[2] === "bench" || process.argv[2] === "help")
    vcpe.addCommand((await import("./bench.ts")).benchCommand());
  else vcpe.command("bench").description(BENCH);
  return vcpe;
}

mindReader(process.argv[2]);
try {
  await (await program()).parseAsync(process.argv);
} catch (error) {
  const { code, exitCode } = error as { readonly code?: string; readonly exitCode?: number };
  // Commander has said what it had to say.
  if (typeof code === "string" && code.startsWith("commander."))
    process.exitCode = exitCode === 0 ? EXIT.ok : EXIT.usage;
  else process.exitCode = complain(error);
}
