/** The codes of all errors that a caller can see, with their HTTP status. */
export const STATUS_OF = {
  invalid_json: 400,
  invalid_request: 400,
  invalid_org_id: 400,
  invalid_user_id: 400,
  oauth_token_not_rotatable: 400,
  token_required: 400,
  invalid_signature: 401,
  invalid_token: 401,
  unauthenticated: 401,
  aurora_refused: 403,
  forbidden: 403,
  insufficient_permissions: 403,
  oauth_not_enabled: 403,
  write_access_required: 403,
  not_connected: 404,
  not_found: 404,
  account_mismatch: 409,
  idempotency_conflict: 409,
  payload_too_large: 413,
  upgrade_required: 426,
  rate_limited: 429,
  oauth_not_configured: 500,
  unexpected: 500,
  pagerduty_unavailable: 502,
  aurora_unavailable: 503,
  misconfigured: 503,
  unavailable: 503,
  loop_detected: 508,
} as const;

export type ErrorCode = keyof typeof STATUS_OF;

/** An error as plain data, the form in which a Durable Object returns it to its caller. */
export interface Failure {
  code: ErrorCode;
  message: string;
  /** Says what happened and what to do. Set if `message` must be a short text that Aurora recognizes. */
  detail?: string;
  /** Overrides the code's usual status. */
  status?: number;
  retryAfterSeconds?: number;
}

/** The result of a call to a Durable Object: a value, or an expected failure. Bugs still throw. */
export type Answer<T> = { ok: true; value: T } | { ok: false; failure: Failure };

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** Details for the log only. Never put them into `message`, which the caller sees. */
  readonly internal: unknown;

  constructor(
    code: ErrorCode,
    message: string,
    options: { status?: number; detail?: string; retryAfterSeconds?: number; internal?: unknown } = {},
  ) {
    super(message);
    this.name = "AppError";
    this.code = code;
    this.status = options.status ?? STATUS_OF[code];
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.internal = options.internal;
  }
}

/**
 * Runs `work`. If `work` throws an `AppError`, returns the error as plain data, because RPC does not preserve classes.
 */
export async function answer<T>(work: () => T | Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const failure: Failure = { code: error.code, message: error.message, status: error.status };
    if (error.detail !== undefined) failure.detail = error.detail;
    if (error.retryAfterSeconds !== undefined) failure.retryAfterSeconds = error.retryAfterSeconds;
    return { ok: false, failure };
  }
}

/** The reverse of `answer`: returns the value, or throws the failure as an `AppError`. */
export function unwrap<T>(result: Answer<T>): T {
  if (result.ok) return result.value;
  const { code, message, ...options } = result.failure;
  throw new AppError(code, message, options);
}
