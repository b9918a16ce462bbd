import { stripVTControlCharacters } from "node:util";

/**
 * The messages of `wrangler dev` (4.164) that `npm run dev` hides without `--verbose`. wrangler writes each message
 * with one call of `write`. All other output is shown, such as errors, questions and the Worker's log.
 */
const ROUTINE = [
  /^\s*\u26C5\uFE0F wrangler /,
  /^Using (?:secrets|vars) defined in /,
  // The table of bindings; each row is one message.
  /^Your Worker has access to the following bindings:/,
  /^Binding +Resource/,
  /^env\.\w+ [ (]/,
  // The frame around wrangler's keyboard shortcuts.
  /^\u256D\u2500/,
  /^\u2394 /,
  /^\[custom build\] Running: /,
  // "Ready on …", and one line for each request and each batch of the Queue.
  /^\[wrangler:info\] /,
  /^\[wrangler:warn\] Unable to fetch the `Request\.cf` object/,
  /^\s*$/,
];

/** Whether to hide the message, which may contain colour codes. Pure. */
export const isRoutine = (message: string): boolean => {
  const plain = stripVTControlCharacters(message);
  return ROUTINE.some((pattern) => pattern.test(plain));
};
