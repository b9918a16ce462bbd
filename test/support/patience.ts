import { createHash } from "node:crypto";

/** How long tests wait for a condition. Slower machines get more time. */

/** The environment variable with the measured speed, so that child processes do not measure again. */
const VARIABLE = "TEST_SLOWNESS";
/** Rounds of SHA-256, which take about 100 ms of one core. */
const ROUNDS = 60_000;
/** The time of these rounds on the reference machine, for which `PATIENCE_MS` was chosen. */
const REFERENCE_MS = 100;
/** Ten times the longest wait in the test suite on the reference machine. */
const PATIENCE_MS = 60_000;

/** Returns this machine's time divided by the reference machine's time, but at least 1. */
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
