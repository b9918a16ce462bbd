import * as z from "zod";

/** Shortens the lines of a prompt, so that they fit a terminal. */

const MAX_CHARS = 200;
/** Besides `context`, only these members of the payload are shown. */
const SHOWN = ["title", "number", "status", "urgency", "service", "priority", "customFields"];
const Members = z.record(z.string(), z.json());
const PAYLOAD = /^([\s\S]*)<alert_payload>\n([\s\S]*)\n<\/alert_payload>/;

const cut = (text: string) => (text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS - 1)}…` : text);

/**
 * Returns the prompt's lines. Each shown member of the payload gets one line. Each part of the context that is not
 * empty gets one line, too.
 */
export function promptLines(text: string): string[] {
  const [, before = text, json = "{}"] = PAYLOAD.exec(text) ?? [];
  const { context, ...payload } = Members.parse(JSON.parse(json));
  const members = [
    ...SHOWN.flatMap((name) => (name in payload ? [[name, payload[name]] as const] : [])),
    ...Object.entries(Members.catch({}).parse(context))
      .filter(([, value]) => !Array.isArray(value) || value.length > 0)
      .map(([name, value]) => [`context.${name}`, value] as const),
  ];
  const width = Math.max(0, ...members.map(([name]) => name.length));
  const others = Object.keys(payload).length - SHOWN.filter((name) => name in payload).length;
  return [
    ...before.split("\n").filter((line) => line.trim() !== ""),
    ...members.map(([name, value]) => `${name.padEnd(width)}  ${asText(value)}`),
    ...(others > 0 ? [`and ${others} more members`] : []),
  ].map(cut);
}

const asText = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
