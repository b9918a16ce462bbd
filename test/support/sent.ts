import { request } from "node:http";

export interface Sent {
  status: number;
  text: string;
}

/** Sends exactly these headers, including Host, which `fetch` replaces. */
export function send(url: string | URL, headers: Record<string, string> = {}, method = "GET"): Promise<Sent> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    })
      .on("error", reject)
      .end();
  });
}
