import { jsonReply, type Reply } from "./listener.ts";

/** Answers with PagerDuty's error body: `{"error": {message, code, errors?}}`. PagerDuty's codes are numbers. */
function errorReply(status: number, code: number, message: string, errors: string[] = []): Reply {
  return jsonReply(status, { error: { message, code, ...(errors.length > 0 ? { errors } : {}) } });
}

export const restError = {
  invalid: (errors: string[]): Reply => errorReply(400, 2001, "Invalid Input Provided", errors),
  needsUser: (): Reply =>
    errorReply(400, 1008, "An account-level key has no user's identity: this call needs a user's token."),
  unauthorized: (): Reply =>
    errorReply(401, 2006, "Unauthorized", ["The token is invalid, expired or missing."]),
  forbidden: (why: string): Reply => errorReply(403, 2010, "Access Denied", [why]),
  notFound: (): Reply => errorReply(404, 2100, "Not Found"),
  notAcceptable: (): Reply =>
    errorReply(406, 2001, "Not Acceptable", ["Accept must be application/vnd.pagerduty+json;version=2."]),
  tooManyRequests: (): Reply => errorReply(429, 2020, "Rate Limit Exceeded"),
};
