import * as z from "zod";
import { CommandError } from "../terminal/command.ts";
import { runTwice } from "./retry.ts";
import type { Wrangler } from "./wrangler.ts";
import { excerpt, jsonIn } from "./wrangler-output.ts";

const Account = z.object({ id: z.string(), name: z.optional(z.string()) });
type Account = z.infer<typeof Account>;

const WhoAmI = z.object({ loggedIn: z.boolean(), accounts: z.optional(z.array(Account)) });

const readWhoAmI = (output: string) => WhoAmI.safeParse(jsonIn(output, "{}")).data;

/** Returns the accounts that `wrangler whoami` lists; null if nobody is logged in. @throws {CommandError} */
export async function whoAmI(wrangler: Wrangler): Promise<Account[] | null> {
  const args = ["whoami", "--json"];
  const { output } = await runTwice(wrangler, args, (text) => readWhoAmI(text) !== undefined);
  const answer = readWhoAmI(output);
  if (answer === undefined) {
    throw new CommandError(`wrangler could not find out who is logged in:\n${excerpt(output)}`);
  }
  return answer.loggedIn ? (answer.accounts ?? []) : null;
}

/**
 * @throws {CommandError} if there are several accounts and none is chosen. wrangler cannot ask for the account,
 * because its output is hidden here.
 */
export function requireOneAccount(accounts: readonly Account[], chosen: string | undefined): void {
  if (accounts.length < 2 || (chosen !== undefined && chosen !== "")) return;
  const list = accounts.map(({ id, name = "" }) => `  ${id}  ${name}`).join("\n");
  throw new CommandError(
    `You have ${accounts.length} Cloudflare accounts, and no setting says which one to use.\n${list}\n` +
      "Choose one and run the command again: CLOUDFLARE_ACCOUNT_ID=<id> npm run deploy",
  );
}
