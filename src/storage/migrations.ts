import * as z from "zod/mini";
import { readStored } from "./stored-value.ts";

/**
 * The tables of a tenant's object, as a list of migrations. To change the schema, add a migration at the end; never
 * edit a deployed migration. docs/storage.md describes the tables.
 *
 * Every written row and every new index entry is billed, so an index has to save more than it costs: see
 * docs/cost.md.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE incidents (
    incident_id        TEXT PRIMARY KEY,
    created_at_ms      INTEGER NOT NULL,
    updated_at_ms      INTEGER NOT NULL,
    status             TEXT,
    live               INTEGER NOT NULL,
    analysis_due_at_ms INTEGER,
    severity_rank      INTEGER NOT NULL,
    -- The incident's newest delivery: while it is outstanding, a new delivery has to wait.
    last_delivery_seq  INTEGER,
    -- 1 once a dead delivery was queued again. It may be older than the newest delivery.
    revived            INTEGER,
    -- Copied from the state, for lists to show and search.
    number             INTEGER,
    title              TEXT,
    service_id         TEXT,
    service_name       TEXT,
    pagerduty_status   TEXT,
    state              TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX incidents_newest ON incidents (created_at_ms, incident_id);
  CREATE INDEX incidents_live ON incidents (incident_id) WHERE live = 1;
  -- Only incidents whose analysis waits or is due, the most severe first.
  CREATE INDEX incidents_waiting ON incidents (severity_rank, analysis_due_at_ms)
    WHERE analysis_due_at_ms IS NOT NULL;

  CREATE TABLE journal (
    seq                INTEGER PRIMARY KEY,
    kind               TEXT NOT NULL,
    webhook_id         TEXT,
    event_id           TEXT,
    incident_id        TEXT,
    type               TEXT NOT NULL,
    occurred_at        TEXT,
    received_at_ms     INTEGER NOT NULL,
    verification       TEXT,
    outcome            TEXT NOT NULL,
    reason             TEXT,
    delivery           TEXT,
    lane               INTEGER,
    attempts           INTEGER NOT NULL DEFAULT 0,
    sent_parts         INTEGER NOT NULL DEFAULT 0,
    next_attempt_at_ms INTEGER,
    planned_at_ms      INTEGER,
    not_before_ms      INTEGER,
    delivered_at_ms    INTEGER,
    last_error         TEXT,
    last_status        INTEGER,
    request_id         TEXT,
    shared             INTEGER,
    timeline_line      TEXT,
    notification       TEXT,
    payload            BLOB
  );
  CREATE UNIQUE INDEX journal_webhook ON journal (webhook_id) WHERE webhook_id IS NOT NULL;
  CREATE INDEX journal_incident ON journal (incident_id, event_id);
  -- A queued delivery is in neither of these two: it is found by its incident.
  CREATE INDEX journal_due ON journal (lane, next_attempt_at_ms) WHERE delivery = 'pending';
  CREATE INDEX journal_dead ON journal (seq) WHERE delivery = 'dead';
  -- Only deliveries whose attempt was brought forward and has not been made yet.
  CREATE INDEX journal_early ON journal (seq) WHERE delivery = 'pending' AND planned_at_ms > next_attempt_at_ms;
  -- PagerDuty's test events: the status shows when the last one arrived.
  CREATE INDEX journal_pings ON journal (seq) WHERE type = 'pagey.ping';
  CREATE INDEX journal_failed ON journal (seq) WHERE outcome = 'failed';
  -- Unsigned webhooks only: those that PagerDuty did not confirm, and those that wait to be checked.
  CREATE INDEX journal_unconfirmed ON journal (seq) WHERE outcome = 'unconfirmed' AND reason IS NOT NULL;
  CREATE INDEX journal_waiting ON journal (incident_id, seq) WHERE outcome = 'unconfirmed' AND reason IS NULL;

  -- Failed attempts at a delivery; the successful one is in its journal row.
  CREATE TABLE attempts (
    seq         INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    status      INTEGER,
    answer      TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    early       INTEGER NOT NULL,
    PRIMARY KEY (seq, at_ms)
  ) WITHOUT ROWID;

  CREATE TABLE contexts (
    incident_id TEXT PRIMARY KEY,
    context     TEXT NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE notes (
    note_id            TEXT PRIMARY KEY,
    incident_id        TEXT NOT NULL,
    created_at_ms      INTEGER NOT NULL,
    user_id            TEXT NOT NULL,
    from_email         TEXT,
    idempotency_key    TEXT,
    request_hash       TEXT,
    text               TEXT NOT NULL,
    state              TEXT NOT NULL,
    attempts           INTEGER NOT NULL DEFAULT 0,
    next_attempt_at_ms INTEGER,
    doubtful           INTEGER NOT NULL DEFAULT 0,
    pagerduty_id       TEXT,
    written_at_ms      INTEGER,
    error              TEXT
  ) WITHOUT ROWID;
  CREATE INDEX notes_incident ON notes (incident_id, created_at_ms);
  CREATE INDEX notes_newest ON notes (created_at_ms);
  CREATE INDEX notes_pending ON notes (next_attempt_at_ms) WHERE state = 'pending';
  CREATE UNIQUE INDEX notes_key ON notes (incident_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

  CREATE TABLE hints (
    incident_id TEXT PRIMARY KEY,
    first_seq   INTEGER NOT NULL,
    due_at_ms   INTEGER NOT NULL,
    attempts    INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX hints_due ON hints (due_at_ms);
  CREATE TABLE hints_pause (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    until_at_ms INTEGER NOT NULL,
    attempts    INTEGER NOT NULL
  );
  `,
  `
  CREATE TABLE set_aside (
    incident_id TEXT PRIMARY KEY,
    reason      TEXT NOT NULL,
    at_ms       INTEGER NOT NULL
  ) WITHOUT ROWID;
  -- Unsigned webhooks that PagerDuty confirmed, to bound their number.
  CREATE INDEX journal_confirmed ON journal (seq)
    WHERE kind = 'webhook' AND verification = 'callback' AND outcome IN ('applied', 'stale');
  `,
  `
  -- Failed attempts by time, for the activity.
  CREATE INDEX attempts_newest ON attempts (at_ms);
    `,
  `
  -- When the row was written. Grows with seq, which received_at_ms does not: a webhook can be stored late.
  ALTER TABLE journal ADD COLUMN stored_at_ms INTEGER;
  -- Of the last attempt; null before the first, and once the delivery was accepted.
  ALTER TABLE journal ADD COLUMN error_class TEXT;
  UPDATE journal SET error_class = CASE
      WHEN last_status = 429 THEN 'rate_limited'
      WHEN last_status >= 500 AND last_status <> 508 THEN 'server_error'
      WHEN last_status IS NOT NULL THEN 'refused'
      WHEN last_error LIKE 'Aurora %' THEN 'unreachable'
      ELSE 'not_sent' END
    WHERE delivery IN ('pending', 'queued', 'dead') AND last_error IS NOT NULL;
  -- Failed deliveries only, until Aurora accepts them.
  CREATE INDEX journal_errors ON journal (error_class, seq) WHERE error_class IS NOT NULL;
  -- The redelivery of many that queued it again last: when it began.
  ALTER TABLE journal ADD COLUMN redelivery INTEGER;
  CREATE INDEX journal_redelivered ON journal (redelivery, delivery) WHERE redelivery IS NOT NULL;
  `,
  `
  -- Where the accepted parts of a delivery were sent: see addressOf in delivery/sink.
  ALTER TABLE journal ADD COLUMN sent_to TEXT;
  `,
  `
  -- What to check after the last attempt, and when the delivery is dead without a change.
  ALTER TABLE journal ADD COLUMN last_advice TEXT;
  ALTER TABLE journal ADD COLUMN fails_at_ms INTEGER;
  `,
  `
  -- Not unique: a proxy may give two events one X-Webhook-Id.
  DROP INDEX journal_webhook;
  CREATE INDEX journal_webhook ON journal (webhook_id) WHERE webhook_id IS NOT NULL;
  `,
  `
  -- The greatest seq that pruning removed, so that no new entry gets the number of a removed one.
  CREATE TABLE pruned (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    newest_seq INTEGER NOT NULL
  );
  `,
];

const VERSION_KEY = "schemaVersion";

/** Whether this object has tables. An object that never had a connection has no tables, and costs nothing. */
export function isMigrated(storage: DurableObjectStorage): boolean {
  return readStored(storage, VERSION_KEY, z.number()) !== null;
}

/** Brings the tables up to date. */
export function migrate(storage: DurableObjectStorage): void {
  const version = readStored(storage, VERSION_KEY, z.number()) ?? 0;
  if (version >= MIGRATIONS.length) return;
  storage.transactionSync(() => {
    for (const migration of MIGRATIONS.slice(version)) storage.sql.exec(migration);
    storage.kv.put(VERSION_KEY, MIGRATIONS.length);
  });
}
