import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import { Queue } from "bullmq";
import express from "express";
import fastify from "fastify";

/**
 * A peer in its own process: accepts webhooks with Fastify or Express, verifies the signatures, and adds the webhooks
 * to a BullMQ queue. Usage: `node peer-server.ts <fastify|express> <port of Redis> <signing secret>`. The peer sends
 * its port to the parent process.
 */

const [, , framework, redisPort, secret = ""] = process.argv;
const queue = new Queue("webhooks", { connection: { host: "127.0.0.1", port: Number(redisPort) } });

interface Webhook {
  userId: string;
  webhookId: string;
  signature: string;
  body: Buffer;
}

async function accept({ userId, webhookId, signature, body }: Webhook): Promise<boolean> {
  const expected = createHmac("sha256", secret).update(body).digest();
  const given = Buffer.from(signature.replace("v1=", ""), "hex");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
  await queue.add("webhook", { userId, webhookId, body: body.toString() });
  return true;
}

const ROUTE = "/pagerduty/webhook/:userId";
const MAX_BODY_BYTES = 256 * 1024;
type Headers = Record<string, string | string[] | undefined>;
const textOf = (headers: Headers, name: string) => String(headers[name] ?? "");
const webhookOf = (userId: string, headers: Headers, body: Buffer): Webhook => ({
  userId,
  webhookId: textOf(headers, "x-webhook-id"),
  signature: textOf(headers, "x-pagerduty-signature"),
  body,
});

async function withFastify(): Promise<RequestListener> {
  const app = fastify({ bodyLimit: MAX_BODY_BYTES });
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.post<{ Params: { userId: string }; Body: Buffer }>(ROUTE, async ({ params, headers, body }, reply) => {
    const isGenuine = await accept(webhookOf(params.userId, headers, body));
    return reply.code(isGenuine ? 202 : 401).send({ received: isGenuine });
  });
  await app.ready();
  return app.routing;
}

function withExpress(): RequestListener {
  const app = express();
  app.use(express.raw({ type: "application/json", limit: MAX_BODY_BYTES }));
  app.post(ROUTE, async ({ params, headers, body }, response) => {
    const isGenuine = await accept(webhookOf(params["userId"] ?? "", headers, body));
    response.status(isGenuine ? 202 : 401).json({ received: isGenuine });
  });
  return app;
}

const server = createServer(framework === "fastify" ? await withFastify() : withExpress());
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.(typeof address === "object" ? address?.port : null);
});
