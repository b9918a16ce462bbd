import { stripVTControlCharacters } from "node:util";

/**
 * The messages of `wrangler dev` (4.164) that `npm run dev` hides without `--verbose`. Each message is one call of
 * `write` by wrangler. Everything else is shown, so that no error, warning, question or line of the Worker's log is
 * lost.
 */
const ROUTINE = [
  /^\s*\u26C5\uFE0F wrangler /,
  /^Using (?:secrets|vars) defined in /,
  // The table of bindings; each row is one message.
  /^Your Worker has access to the following bindings:/,
  /^Binding +Resource/,
  /^env\.\w+ [ (]/,
  // The box that lists wrangler's keys.
  /^\u256D\u2500/,
  /^\u2394 /,
  /^\[custom build\] Running: /,
  // "Ready on …", and one line for each request and each batch of the Queue.
  /^\[wrangler:info\] /,
  /^\[wrangler:warn\] Unable to fetch the `Request\.cf` object/,
  /^\s*$/,
];

/** Pure. @param message one message as wrangler writes it, including colours */
export const isRoutine = (message: string): boolean => {
  const plain = stripVTControlCharacters(message);
  return ROUTINE.some((pattern) => pattern.test(plain));
};
