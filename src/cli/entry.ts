/** How this very vcpe is started again, by a lab or a bench: program and arguments up to the sub-command. */
export function entry(): string[] {
  return [process.execPath, ...process.execArgv, process.argv[1]!];
}
