import * as z from "zod/mini";
import { Text, Time } from "./parts.ts";

/** The answers about notes that are written on incidents at PagerDuty. The Worker does not load this file. */

export const NoteAccepted = z.object({ noteId: z.string() });
export type NoteAccepted = z.infer<typeof NoteAccepted>;
export const Note = z
  .object({
    noteId: z.string(),
    incidentId: z.string(),
    state: z.enum(["pending", "written", "failed"]),
    text: z.string().register(z.globalRegistry, { description: "The text as it is written at PagerDuty." }),
    createdBy: z.string(),
    createdAt: z.nullable(Time),
    attempts: z.int(),
    nextAttemptAt: z.nullable(Time),
    writtenAt: z.nullable(Time),
    pagerdutyId: Text,
    error: Text,
  })
  .register(z.globalRegistry, { id: "Note" });
export type Note = z.infer<typeof Note>;

export const NoteList = z.object({ notes: z.array(Note), nextCursor: Text });
export type NoteList = z.infer<typeof NoteList>;
