import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";

/**
 * Sends a request that declares a body of `bytes`, but sends only the headers. The answer must come from the
 * Content-Length alone. If the body were sent, the runtime could reset the connection before the answer is read.
 */
export async function declareBody(
  url: URL,
  method: string,
  headers: Headers,
  bytes: number,
): Promise<Response> {
  const call = request(url, { method, headers: { ...Object.fromEntries(headers), "content-length": bytes } });
  call.flushHeaders();
  const [answer]: IncomingMessage[] = await once(call, "response");
  if (!answer) throw new Error("There is no answer");
  const body = await text(answer);
  call.destroy();
  return new Response(body, {
    status: answer.statusCode ?? 0,
    headers: { "content-type": answer.headers["content-type"] ?? "" },
  });
}
