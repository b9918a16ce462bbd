import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { MAX_UNCONFIRMED_ENTRIES, MAX_WAITING_OF_INCIDENT } from "../../src/storage/hints.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import type { Trust } from "../../src/webhooks/received.ts";
import { receivedWebhook } from "../support/received.ts";

/**
 * Unsigned webhooks wait until their incident is read from PagerDuty. A row of the table `hints` plans this read. The
 * number of waiting webhooks is limited, so that strangers cannot fill the object.
 */

const config = parseConfig({ AURORA_ENV: "dev", CREDENTIALS_KEYS: `k1:${btoa("k".repeat(32))}` });
const BOUND_EVERY = 100;

interface Posts {
  post(incidentId: string, trust?: Trust, type?: string): void;
  /** Returns the first column of each row. */
  read(query: string): unknown[];
}

async function play(name: string, work: (posts: Posts) => void): Promise<void> {
  await runInDurableObject(env.TENANT.getByName(`user:${name}`), (_, { storage }) => {
    migrate(storage);
    const { sql } = storage;
    let serial = 0;
    work({
      post(incidentId, trust = "callback", event_type = "incident.triggered") {
        serial += 1;
        const id = `E${serial}`;
        const data = { id: incidentId, type: "incident", status: "triggered", title: "Down" };
        const occurred_at = new Date(serial * 1000).toISOString();
        const body = JSON.stringify({
          event: { id, event_type, resource_type: "incident", occurred_at, data },
        });
        takeIn({ storage, sql, config, connectedUser: () => "u" }, receivedWebhook("u", id, body), trust, 1);
      },
      read: (query) => [...sql.exec(query)].map((row) => Object.values(row)[0]),
    });
  });
}

const WAITING = "FROM journal WHERE outcome = 'unconfirmed' AND reason IS NULL";

test("a flood of webhooks for unknown incidents removes the oldest of them with their hints, but no webhook of a stored incident", async () => {
  await play("flood", ({ post, read }) => {
    post("PSTORED", "signature");
    post("PSTORED", "callback", "incident.acknowledged");
    for (let index = 0; index < MAX_UNCONFIRMED_ENTRIES + 500; index += 1) post(`PFAKE${index}`);
    const waiting = read(`SELECT incident_id ${WAITING} ORDER BY seq`);
    const hinted = read("SELECT incident_id FROM hints");
    expect(waiting.length).toBeGreaterThanOrEqual(MAX_UNCONFIRMED_ENTRIES);
    expect(waiting.length).toBeLessThanOrEqual(MAX_UNCONFIRMED_ENTRIES + BOUND_EVERY + 1);
    expect(waiting[0]).toBe("PSTORED");
    expect(waiting.at(-1)).toBe(`PFAKE${MAX_UNCONFIRMED_ENTRIES + 499}`);
    expect(hinted.toSorted()).toEqual(waiting.toSorted());
  });
});

test("if one incident gets many webhooks, its first webhook, its newest webhooks and one hint stay; other incidents lose no webhook", async () => {
  await play("repeated", ({ post, read }) => {
    post("PGENUINE");
    for (let index = 0; index < 500; index += 1) post("PFAKE");
    const serials = read(`SELECT event_id ${WAITING} AND incident_id = 'PFAKE' ORDER BY seq`);
    const newest = Array.from({ length: MAX_WAITING_OF_INCIDENT - 1 }, (_, index) => `E${483 + index}`);
    expect(serials).toEqual(["E2", ...newest]);
    expect(read(`SELECT incident_id ${WAITING} ORDER BY seq`)[0]).toBe("PGENUINE");
    expect(read("SELECT incident_id FROM hints").toSorted()).toEqual(["PFAKE", "PGENUINE"]);
  });
});
