import { expect, test } from "vitest";
import { packMessage, unpackMessage } from "../../src/queue/message.ts";
import type { ReceivedWebhook } from "../../src/webhooks/received.ts";
import { receivedWebhook } from "../support/received.ts";

const received = (body: Uint8Array<ArrayBuffer>): ReceivedWebhook =>
  receivedWebhook("alice", "w", "", { body });

const random = (size: number) => {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
};

test.each([
  ["an empty body", new Uint8Array()],
  ["a small body", new TextEncoder().encode('{"event":{}}')],
  ["a compressible body of 250 KB", new Uint8Array(250_000).fill(97)],
  ["an incompressible body of 110 KB", random(110_000)],
])("%s is packed into a Queue message, and unpacked unchanged", async (_, body) => {
  const message = await packMessage(received(body));
  expect(message?.body.length).toBeLessThan(125_000);
  expect(await unpackMessage(message)).toEqual(received(body));
});

test("a body that is too large for a Queue message is not packed", async () => {
  expect(await packMessage(received(random(250_000)))).toBeNull();
});

test("a value that is not a packed message is refused", async () => {
  await expect(unpackMessage({ userId: "alice" })).rejects.toThrow();
  await expect(unpackMessage("hello")).rejects.toThrow();
});
