import { expect, test } from "vitest";
import { inStoryOrder } from "./incident-story.ts";

const STORY = [
  "incident.triggered",
  "incident.custom_fields_updated",
  "incident.rca_requested",
  "incident.acknowledged",
  "incident.resolved",
] as const;
const [triggered, fields, analysis, acknowledged, resolved] = STORY;

test("the field and the analysis may come either way round", () => {
  expect(inStoryOrder([triggered, analysis, fields, acknowledged, resolved])).toEqual(STORY);
  expect(inStoryOrder(STORY)).toEqual(STORY);
});

test.each([
  [[triggered, fields, acknowledged, analysis, resolved]],
  [[fields, triggered, analysis, acknowledged, resolved]],
  [[triggered, fields, analysis, resolved, acknowledged]],
  [[triggered, fields, analysis, acknowledged]],
  [[triggered, fields, analysis, acknowledged, resolved, resolved]],
])("any other order is not the story's: %j", (types) => {
  expect(inStoryOrder(types)).not.toEqual(STORY);
});
