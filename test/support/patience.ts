import { createHash } from "node:crypto";

/** How long tests wait for what has to happen: the slower the machine, the longer. */

/** Where the measurement is kept, so that child processes do not repeat it. */
const VARIABLE = "TEST_SLOWNESS";
/** SHA-256 of its own result, one after the other: about 100 ms of one core. */
const ROUNDS = 60_000;
/** Time for these rounds on the machine that `PATIENCE_MS` was chosen on, with nothing else running. */
const REFERENCE_MS = 100;
/** Ten times what the slowest wait of the suite takes on that machine. */
const PATIENCE_MS = 60_000;

/** 1 on the reference machine or a faster one; 4 where one core does a quarter as much, or is shared by four. */
export function slowness(): number {
  process.env[VARIABLE] ??= String(Math.max(1, measure() / REFERENCE_MS));
  return Number(process.env[VARIABLE]);
}

/** The longest wait for a condition, in milliseconds. */
export function patienceMs(): number {
  return Math.ceil(PATIENCE_MS * slowness());
}

function measure(): number {
  const startedAt = performance.now();
  let digest = Buffer.alloc(32);
  for (let round = 0; round < ROUNDS; round += 1) digest = createHash("sha256").update(digest).digest();
  return performance.now() - startedAt;
}
