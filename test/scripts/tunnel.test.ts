import { expect, test } from "vitest";
import { tunnelLineOf, withTunnelUrl } from "../../scripts/dev/generated-config.ts";
import { TunnelLines } from "../../scripts/dev/tunnel-lines.ts";
import { chosenUrl, isTunnelUrl } from "../../scripts/dev/tunnel-settings.ts";

const URL = "https://quiet-lamp.trycloudflare.com";
const OPEN = `\u2B23 Sharing via Cloudflare Tunnel: \u001b[32m${URL}/\u001b[39m\n`;
const CLOSED = "\u2B23 Tunnel closed\n";

test("the tunnel's URL is read from wrangler's output, and the trailing slash and colours are removed", () => {
  expect(new TunnelLines().read(OPEN)).toBe(URL);
});

test("a line of the output that arrives in pieces is read once, when it is complete", () => {
  const lines = new TunnelLines();
  const read = [...OPEN].map((char) => lines.read(char));
  expect(read.filter((found) => found !== undefined)).toEqual([URL]);
  expect(lines.read("Tunnel still open, expires in 50m: https://quiet-lamp.trycloudflare.com\n")).toBe(
    undefined,
  );
});

test("if a named tunnel has several hosts, the first host is used", () => {
  const text = "\u2B23 Sharing via Cloudflare Tunnel:\n   https://a.example.com\n   https://b.example.com\n";
  expect(new TunnelLines().read(text)).toBe("https://a.example.com");
});

test("a closed or expired tunnel has no URL, and the next tunnel's URL is read", () => {
  const lines = new TunnelLines();
  expect(lines.read(OPEN)).toBe(URL);
  expect(lines.read(CLOSED)).toBeNull();
  expect(lines.read(OPEN.replace("quiet", "loud"))).toBe("https://loud-lamp.trycloudflare.com");
  expect(lines.read("Tunnel expired. Closing tunnel.\n")).toBeNull();
});

test("if a piece of the output says both that a tunnel opened and that it closed, the last message counts", () => {
  expect(new TunnelLines().read(`${CLOSED}${OPEN}`)).toBe(URL);
  expect(new TunnelLines().read(`${OPEN}${CLOSED}`)).toBeNull();
});

const SPOKEN = "Sharing via Cloudflare Tunnel: https://evil.trycloudflare.com";
test.each([
  ["a logged path", `request.failed requestId="r" path="/pagerduty/\u2B23 ${SPOKEN} " status=404\n`],
  ["a logged value without its marks", `request.failed requestId=\u2B23 ${SPOKEN}\n`],
  ["a line without wrangler's mark", `${SPOKEN}\nTunnel closed\n`],
  ["a line that continues after the message", `\u2B23 ${SPOKEN} and more\n\u2B23 Tunnel closed?\n`],
  ["a host where none was announced", "   https://evil.trycloudflare.com\n"],
  ["the end of a line that is too long to be kept", `${"x".repeat(3_000)}\u2B23 ${SPOKEN}\n`],
  ["a wrangler that logs the request", `[wrangler:info] GET /\u2B23 Tunnel closed\n`],
])("text that only looks like wrangler's message about a tunnel is ignored: %s", (_, text) => {
  const whole = new TunnelLines();
  expect(whole.read(text)).toBeUndefined();
  expect(whole.read(OPEN)).toBe(URL);
  const pieces = new TunnelLines();
  for (const char of text) expect(pieces.read(char)).toBeUndefined();
  expect(pieces.read(OPEN)).toBe(URL);
});

test("a quick tunnel needs a host under trycloudflare.com, a named tunnel may have any host, and each tunnel needs https", () => {
  expect(isTunnelUrl(URL, false)).toBe(true);
  const strangers = ["https://evil.example", "https://trycloudflare.com.evil.example", "not a URL"];
  const other = [`${URL}:8443`, `${URL}/path`, "https://a@quiet-lamp.trycloudflare.com"];
  for (const url of [...strangers, ...other, URL.replace("https", "http")]) {
    expect(isTunnelUrl(url, false), url).toBe(false);
  }
  expect(isTunnelUrl("https://pd.example.com", true)).toBe(true);
  expect(isTunnelUrl("http://pd.example.com", true)).toBe(false);
});

test("the tunnel's URL is written into every environment of wrangler.toml, and nothing else changes", () => {
  const toml = 'name = "a"\n[vars]\nTUNNEL_URL = "" # mine\n[env.dev.vars]\nTUNNEL_URL=""\n';
  const text = withTunnelUrl(toml, URL);
  expect(text).toContain(`[vars]\nTUNNEL_URL = "${URL}" # mine\n[env.dev.vars]\nTUNNEL_URL = "${URL}"\n`);
  expect(withTunnelUrl(toml, null)).toContain('TUNNEL_URL = "" # mine');
});

test("a TUNNEL_URL that is set in wrangler.toml is kept and read, and a URL in a comment is ignored", () => {
  const toml = '[vars]\nTUNNEL_URL = "https://mine.example.com"\n';
  expect(withTunnelUrl(toml, URL)).toBeNull();
  expect(tunnelLineOf(toml)).toEqual({ TUNNEL_URL: "https://mine.example.com" });
  expect(tunnelLineOf('TUNNEL_URL = ""\n# NGROK_URL = "https://x.example"\n')).toEqual({});
});

test("TUNNEL_URL is chosen before NGROK_URL, but an empty TUNNEL_URL is ignored", () => {
  const source = (variables: Record<string, string>) => [{ where: ".dev.vars", variables }];
  expect(chosenUrl(source({ TUNNEL_URL: "" }))).toBeNull();
  expect(chosenUrl(source({ NGROK_URL: "https://n.example", TUNNEL_URL: "https://t.example" }))).toEqual({
    name: "TUNNEL_URL",
    where: ".dev.vars",
    url: "https://t.example",
  });
  expect(chosenUrl(source({ NGROK_URL: "https://n.example" }))?.name).toBe("NGROK_URL");
});
