import { reset } from "cloudflare:test";
import { afterAll } from "vitest";

/** Deletes what a test file stored, alarms included, because the files share a Worker. */
afterAll(reset);
