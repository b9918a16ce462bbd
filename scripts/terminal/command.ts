/** Ends a command with a message for a person (what happened, why, what to do) and without a stack trace. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/**
 * Runs a command. The exit code is 1 if the command returns false or throws a `CommandError`. Any other error is a bug,
 * and is thrown.
 */
export async function runCommand(command: () => Promise<boolean>): Promise<void> {
  try {
    if (!(await command())) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
