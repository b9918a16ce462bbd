import fc from "fast-check";
import { fitContext, PIECES } from "../../src/delivery/model-json.ts";
import { Context } from "../../src/incidents/context.ts";
import { boundContext, STORED } from "../../src/incidents/context-trim.ts";
import { isRecord, sizeOf } from "../../src/incidents/json-size.ts";
import { charCount } from "../../src/incidents/text.ts";
import { MAX_NOTE_CHARS, noteTextOf } from "../../src/notes/note-text.ts";
import { type ApiAnswer, tokenAuthorization } from "../../src/pagerduty/api.ts";
import {
  createNote,
  listAlerts,
  listChanges,
  listNotes,
  listPastIncidents,
  listRelatedIncidents,
} from "../../src/pagerduty/context.ts";
import { damaged, nastyText, nastyValue } from "./hostile.ts";
import { isStorable, type Property, withFetch } from "./property.ts";

/** Fuzzes PagerDuty's answers about an incident's context, and the notes that the connector writes on the incident. */

const TOKEN = "u+FUZZ0CREDENTIAL0abc1";
const target = { apiUrl: "https://api.example.com", authorization: tokenAuthorization(TOKEN) };
/** A monitoring tool's secret, in members such as `api_key`. */
const HIDDEN = "HUSH-HUSH-HUSH";

/** One item for each list, in the form of PagerDuty's documented examples. */
const ITEMS = {
  alerts: {
    id: "PT4KHLK",
    summary: "The server is on fire.",
    html_url: "https://acme.pagerduty.com/alerts/PXPGF42",
    created_at: "2026-10-06T21:30:42Z",
    status: "triggered",
    body: {
      contexts: [{ type: "link", href: "https://graphs.example.com", text: "Graph" }],
      details: { load: 9, api_key: HIDDEN, env: [{ name: "DB_PASSWORD", value: HIDDEN }] },
      cef_details: { source_origin: "db-1" },
    },
    severity: "critical",
    integration: { summary: "Email Integration" },
  },
  change_events: {
    summary: "Build Success",
    timestamp: "2026-07-17T08:42:58Z",
    source: "acme-build-pipeline",
    custom_details: { build_state: "passed", headers: { Authorization: HIDDEN } },
    links: [{ href: "https://acme.example.com/build/2", text: "View" }],
    correlation_reason: { reason: "most_recent" },
  },
  past_incidents: {
    incident: { id: "PFBE9I2", created_at: "2026-11-04T16:08:15Z", title: "Fire" },
    score: 46.8,
  },
  related_incidents: { incident: { id: "PR2P3RW", created_at: "2026-11-18T13:08:14Z", title: "Fire" } },
  notes: {
    id: "PWL7QXS",
    user: { summary: "Earline" },
    content: "On it.",
    created_at: "2026-03-06T15:28:51Z",
  },
};

const put = fc.oneof(
  { weight: 4, arbitrary: nastyValue },
  {
    weight: 2,
    arbitrary: fc
      .tuple(nastyText, fc.nat(3000))
      .map(([text, count]) => text.repeat(Math.ceil(count / (text.length + 1)))),
  },
  {
    weight: 1,
    arbitrary: nastyValue.map((value) => ({ token: HIDDEN, deep: [[{ "x-api-key": HIDDEN, value }]] })),
  },
);

const answer = fc
  .tuple(
    fc.array(fc.tuple(fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }), put), { maxLength: 30 }),
    fc.option(fc.tuple(fc.nat(5), nastyValue), { freq: 8 }),
  )
  .map(([damages, whole]) => {
    const lists = Object.entries(ITEMS).map(([name, item]) => [
      name,
      damages.map(([at, value], index) => (index % 3 === 0 ? item : damaged(item, at, value))),
    ]);
    const answer: unknown = Object.fromEntries(lists);
    return whole === null ? answer : damaged(answer, [whole[0]], whole[1]);
  });

const OK = [200, 200, 200, 200, 201];
const REFUSED = [302, 400, 401, 402, 403, 404, 408, 409, 429, 500, 503];
const reply = fc.record({
  status: fc.constantFrom(...OK, ...OK, ...REFUSED),
  answer,
  /** The position at which the body is cut off; null if it is complete. */
  cutAt: fc.option(fc.nat(2000), { freq: 10 }),
});
type Reply = typeof reply extends fc.Arbitrary<infer T> ? T : never;

function responseOf({ status, answer, cutAt }: Reply): Response {
  const json = JSON.stringify(
    status < 300 ? answer : { error: { message: `No: ${TOKEN}`, errors: [target.authorization], answer } },
  );
  return new Response(cutAt === null ? json : json.slice(0, cutAt), {
    status,
    headers: { "retry-after": "1" },
  });
}

function partOf<T>(asked: ApiAnswer<T>): T | null {
  if (asked.ok) return asked.value;
  if (JSON.stringify(asked).includes(TOKEN)) throw new Error("The credential is repeated");
  return null;
}

/** The context stays within its limits, is readable, and contains no secret of a monitoring tool. */
async function boundsWell(given: Reply, room: number): Promise<boolean> {
  const context = await withFetch(
    () => responseOf(given),
    async () => ({
      alerts: partOf(await listAlerts(target, "P1")),
      changes: partOf(await listChanges(target, "P1")),
      pastIncidents: partOf(await listPastIncidents(target, "P1")),
      relatedIncidents: partOf(await listRelatedIncidents(target, "P1")),
      notes: partOf(await listNotes(target, "P1")),
      missing: [],
    }),
  );
  await withFetch(
    () => responseOf(given),
    async () => partOf(await createNote(target, "P1", "text", null)),
  );
  const bounded = boundContext(context);
  const written = JSON.stringify(bounded);
  const fitted = fitContext(bounded, room);
  return (
    Buffer.byteLength(written) <= STORED.room &&
    Context.safeParse(JSON.parse(written)).success &&
    isStorable(written) &&
    !written.includes("\\u0000") &&
    !written.includes(HIDDEN) &&
    (fitted === null || (isRecord(fitted) && sizeOf(fitted, PIECES) <= room))
  );
}

const MARKDOWN = [
  ...[
    "# ",
    "## ",
    "- ",
    "1. ",
    "> ",
    "```\n",
    "`",
    "**",
    "_",
    "~~",
    "[",
    "](",
    ")",
    "![",
    "<",
    "</b>",
    "<!--",
  ],
  ...["| a | b |\n|---|---|\n", "|", "\\", "&lt;", "&#0;", "&", "\n", "\n\n", "\r", "    ", "\t", "***\n"],
  ...[
    "[a](https://x.example.com)",
    "[a](javascript:x)",
    "https://x.example.com",
    "a@example.com",
    "[x]: y\n",
  ],
];
const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...MARKDOWN) },
  { weight: 1, arbitrary: nastyText },
);
/** Short Markdown documents, and a few that are longer than the part that the connector reads. */
const markdown = fc.oneof(
  { weight: 30, arbitrary: fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join("")) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.nat(60_000))
      .map(([pieces, size]) => {
        const unit = pieces.join("");
        return unit.repeat(Math.ceil(size / (unit.length + 1)));
      }),
  },
);

/** The text of a note is empty, or stays within the limit and ends with "— Aurora, for ada". */
function writesWell(content: string, url: string | null): boolean {
  const text = noteTextOf({ content, url, userId: "ada" });
  if (text === "") return true;
  return (
    charCount(text) <= MAX_NOTE_CHARS &&
    isStorable(text) &&
    !/(?![\n\t])\p{Cc}/u.test(text) &&
    text.endsWith(`${url === null ? "" : `\n\n${url}`}\n\n— Aurora, for ada`)
  );
}

export function contextProperties(): Property[] {
  return [
    {
      name: "context answers",
      weight: 1,
      property: fc.asyncProperty(reply, fc.nat(15_000), boundsWell),
    },
    {
      name: "notes",
      weight: 3,
      property: fc.property(
        markdown,
        fc.constantFrom(null, "https://aurora.example.com/incidents/1"),
        writesWell,
      ),
    },
  ];
}
