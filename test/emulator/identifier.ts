import { randomBytes, randomInt } from "node:crypto";

const BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const OBJECT_ID_DIGITS = 6;
const OBJECT_ID_SPACE = 36 ** OBJECT_ID_DIGITS;
/** Has no common factor with `OBJECT_ID_SPACE`, so every id is used once before an id repeats. */
const OBJECT_ID_STEP = 1_234_567_891;
const EVENT_ID_TIME_DIGITS = 10;
const EVENT_ID_SEQUENCE_DIGITS = 6;
const EVENT_ID_RANDOM_DIGITS = 10;

let objectNumber = randomInt(OBJECT_ID_SPACE);
let eventNumber = 0;
let eventTimeMs = 0;

function digits(value: number, alphabet: string, length: number): string {
  let rest = value;
  let text = "";
  for (let index = 0; index < length; index++) {
    text = alphabet.charAt(rest % alphabet.length) + text;
    rest = Math.floor(rest / alphabet.length);
  }
  return text;
}

function randomDigits(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet.charAt(randomInt(alphabet.length))).join("");
}

/** Returns an id in PagerDuty's form, such as `PF9KMXH`. Never returns the same id twice in one process. */
export function objectId(): string {
  objectNumber = (objectNumber + OBJECT_ID_STEP) % OBJECT_ID_SPACE;
  return `P${digits(objectNumber, BASE36, OBJECT_ID_DIGITS)}`;
}

/**
 * Returns the id of a webhook event: 26 upper-case characters, like a ULID. Each id is greater than the previous one.
 */
export function eventId(): string {
  eventTimeMs = Math.max(eventTimeMs, Date.now());
  eventNumber += 1;
  return (
    digits(eventTimeMs, BASE32, EVENT_ID_TIME_DIGITS) +
    digits(eventNumber, BASE32, EVENT_ID_SEQUENCE_DIGITS) +
    randomDigits(BASE32, EVENT_ID_RANDOM_DIGITS)
  );
}

/** Returns a REST API key: 20 characters, as at PagerDuty. */
export function apiKeyToken(): string {
  return randomBytes(15).toString("base64url");
}

/** Returns an unguessable secret, for OAuth codes, tokens and client secrets. */
export function secretToken(): string {
  return randomBytes(32).toString("base64url");
}

/** Returns a secret that signs the webhooks of one subscription. */
export function signingSecret(): string {
  return randomBytes(48).toString("base64");
}
