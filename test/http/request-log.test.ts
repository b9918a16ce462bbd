import { expect, test, vi } from "vitest";
import { log } from "../../src/log.ts";
import { startWorker } from "../support/worker.ts";

/** A request cannot forge lines of the log, and the log shows no secrets. */

test("a request id is a valid cf-ray or a new UUID, and a path is logged with its percent-encoding", async () => {
  const worker = await startWorker({ AURORA_ENV: "dev" });
  try {
    const idOf = async (ray: string) =>
      (await worker.request("/pagerduty/Tunnel%20closed", { headers: { "cf-ray": ray } })).headers.get(
        "x-request-id",
      );
    for (const ray of ["9c0ffee000000001-AMS", "9c0ffee000000001"]) expect(await idOf(ray)).toBe(ray);
    for (const ray of ["Tunnel closed", "9c0ffee000000001-AMS Tunnel closed", "x".repeat(16)]) {
      expect(await idOf(ray)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    }
    const logged = worker.logs().join("\n");
    expect(logged).toContain('path="/pagerduty/Tunnel%20closed"');
    expect(logged).not.toContain("Tunnel closed");
  } finally {
    await worker.close();
  }
});

test("the log redacts fields whose name means a secret, and text that looks like a secret", () => {
  const written = vi.spyOn(console, "info").mockImplementation(() => undefined);
  log.info("event", { accessToken: "abc", "set-cookie": "a=b", userId: "ada", error: "sent Bearer abc" });
  const [line] = written.mock.calls[0] ?? [];
  written.mockRestore();
  expect(JSON.parse(String(line))).toEqual({
    level: "info",
    event: "event",
    accessToken: "[redacted]",
    "set-cookie": "[redacted]",
    userId: "ada",
    error: "sent [redacted]",
  });
});
