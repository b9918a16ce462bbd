/** Names tenants. Each connection belongs to one tenant. */

/** The calling user and organisation. `orgId` is null for a user without an organisation. */
export interface Caller {
  userId: string;
  orgId: string | null;
}

/** Valid user ids and organisation ids. Without a colon, so that tenant ids of the two kinds never collide. */
export const CALLER_ID = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$/;

/** The tenant of a user without an organisation. */
export const userTenantId = (userId: string): string => `user:${userId}`;

/** A connection belongs to the organisation; without one, to the user. */
export const tenantIdOf = ({ userId, orgId }: Caller): string =>
  orgId === null ? userTenantId(userId) : `org:${orgId}`;
