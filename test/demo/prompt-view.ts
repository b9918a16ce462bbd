import * as z from "zod";

/** What Aurora's model is given, short enough for a terminal. */

/** A line of it is cut to this. */
const MAX_CHARS = 200;
/** The members of the payload that are shown; of the others only the number is. */
const SHOWN = ["title", "number", "status", "urgency", "service", "priority", "customFields"];
const Members = z.record(z.string(), z.json());
const PAYLOAD = /^([\s\S]*)<alert_payload>\n([\s\S]*)\n<\/alert_payload>/;

const cut = (text: string) => (text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS - 1)}…` : text);

/** @param text of a prompt; its payload is shown with a member a line, its context with a part a line */
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
