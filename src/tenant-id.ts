/** Whose connection a call is about. */

/** Who calls, and for which organisation; null: for the user alone. */
export interface Caller {
  userId: string;
  orgId: string | null;
}

/** What user ids and organisation ids look like: no colon, so that no id of one kind is an id of the other. */
export const CALLER_ID = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$/;

/** The tenant of a user without an organisation. */
export const userTenantId = (userId: string): string => `user:${userId}`;

/** A connection belongs to the organisation; without one, to the user. */
export const tenantIdOf = ({ userId, orgId }: Caller): string =>
  orgId === null ? userTenantId(userId) : `org:${orgId}`;
