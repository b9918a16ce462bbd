/**
 * The tables of one user's object, in the order in which they came to be. A new schema is a new entry at the
 * end; an entry that was deployed is never edited. docs/storage.md describes the result.
 *
 * Every written row and every new index entry is billed, so each index pays its way: see docs/cost.md.
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
    state              TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX incidents_newest ON incidents (created_at_ms, incident_id);
  CREATE INDEX incidents_live ON incidents (incident_id) WHERE live = 1;

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
    attempts           INTEGER NOT NULL DEFAULT 0,
    next_attempt_at_ms INTEGER,
    delivered_at_ms    INTEGER,
    last_error         TEXT,
    request_id         TEXT,
    signature          TEXT,
    entry              TEXT,
    notification       TEXT,
    payload            BLOB
  );
  CREATE UNIQUE INDEX journal_webhook ON journal (webhook_id) WHERE webhook_id IS NOT NULL;
  CREATE INDEX journal_incident ON journal (incident_id, event_id);
  CREATE INDEX journal_outstanding ON journal (delivery, next_attempt_at_ms)
    WHERE delivery IN ('pending', 'queued', 'dead');
  CREATE INDEX journal_failed ON journal (seq) WHERE outcome = 'failed';

  CREATE TABLE hints (
    incident_id TEXT PRIMARY KEY,
    first_seq   INTEGER NOT NULL,
    due_at_ms   INTEGER NOT NULL,
    attempts    INTEGER NOT NULL
  ) WITHOUT ROWID;
  `,
  // An incident has an entry in this index only while its analysis is waited for, the most severe first.
  `
  ALTER TABLE incidents ADD COLUMN severity_rank INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX incidents_waiting ON incidents (severity_rank, analysis_due_at_ms)
    WHERE analysis_due_at_ms IS NOT NULL;
  `,
  "CREATE INDEX journal_unconfirmed ON journal (seq) WHERE outcome = 'unconfirmed'",
  "ALTER TABLE journal ADD COLUMN not_before_ms INTEGER",
  // Signed events have no entry in these: what strangers send is found without reading it all.
  `
  DROP INDEX journal_unconfirmed;
  CREATE INDEX journal_unconfirmed ON journal (seq) WHERE outcome = 'unconfirmed' AND reason IS NOT NULL;
  CREATE INDEX journal_waiting ON journal (incident_id, seq) WHERE outcome = 'unconfirmed' AND reason IS NULL;
  CREATE INDEX hints_due ON hints (due_at_ms);
  CREATE TABLE hints_pause (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    until_at_ms INTEGER NOT NULL,
    attempts    INTEGER NOT NULL
  );
  `,
];

const VERSION_KEY = "schemaVersion";

/** Whether this object has ever been written to. One that was not has no tables, and costs nothing. */
export function isMigrated(storage: DurableObjectStorage): boolean {
  return storage.kv.get(VERSION_KEY) !== undefined;
}

/** Brings the tables up to date; cheap when they are. */
export function migrate(storage: DurableObjectStorage): void {
  const version = Number(storage.kv.get(VERSION_KEY) ?? 0);
  if (version >= MIGRATIONS.length) return;
  storage.transactionSync(() => {
    for (const migration of MIGRATIONS.slice(version)) storage.sql.exec(migration);
    storage.kv.put(VERSION_KEY, MIGRATIONS.length);
  });
}
