/** Why an attempt failed, in parts. */
export interface FailureParts {
  error: string;
  /** What to check; null if the failure may be temporary. */
  advice: string | null;
  /** When the delivery becomes dead if all retries fail. Null for a dead delivery, or if the time is unknown. */
  failsAtMs: number | null;
}

/** Returns the parts as one text for a person. */
export function failureText({ error, advice, failsAtMs }: FailureParts): string {
  if (advice === null) return error;
  const end =
    failsAtMs === null
      ? "The delivery is dead; redeliver it after the change"
      : `Without a change the delivery is dead at ${new Date(failsAtMs).toISOString()}`;
  return `${error.replace(/\.$/, "")}. This is a matter of configuration, not an outage: ${advice}. ${end}`;
}
