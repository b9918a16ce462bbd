import { isTruthy } from "../prompt/python-json.ts";

/**
 * Aurora's `AlertCorrelator`, in server/services/correlation/alert_correlator.py and strategies/. Decides whether a
 * triggered event joins an open incident instead of getting its own row, summary and analysis. Compares titles by their
 * words, as Aurora does without its embedding service. Assumes that Aurora knows no dependencies between services. The
 * topology score is therefore 1 if the alert's service is among the incident's services, and 0 otherwise.
 */

const WINDOW_MS = 300_000;
const MIN_SCORE = 0.6;
const WEIGHTS = { topology: 0.5, time: 0.3, similarity: 0.2 };
const SIMILARITY_WEIGHTS = { title: 0.7, service: 0.3 };
const MAX_CANDIDATES = 20;
const MAX_GROUP_SIZE = 50;
const MIN_WORD_LENGTH = 2;
const STOP_WORDS = new Set(["the", "a", "an", "is", "are", "was", "for", "in", "on", "at"]);

export interface Candidate {
  readonly title: string | null;
  readonly service: string;
  readonly affectedServices: readonly string[];
  readonly correlatedAlerts: number;
  readonly updatedAtMs: number;
}

export interface Alert {
  readonly title: string | null;
  readonly service: string;
  readonly atMs: number;
}

/** Returns the incident that the alert joins. @param open the organisation's incidents under investigation */
export function correlate<C extends Candidate>(alert: Alert, open: readonly C[]): C | null {
  const recent = open
    .filter(({ updatedAtMs }) => updatedAtMs >= alert.atMs - WINDOW_MS)
    .sort((a, b) => b.updatedAtMs - a.updatedAtMs)
    .slice(0, MAX_CANDIDATES);
  let best: { candidate: C; score: number } | null = null;
  for (const candidate of recent) {
    const score = scoreOf(alert, candidate);
    if (best === null || score > best.score) best = { candidate, score };
  }
  if (best === null || best.score < MIN_SCORE) return null;
  return best.candidate.correlatedAlerts < MAX_GROUP_SIZE ? best.candidate : null;
}

function scoreOf(alert: Alert, candidate: Candidate): number {
  const services = candidate.affectedServices.length > 0 ? candidate.affectedServices : [candidate.service];
  const isSameService = services.includes(alert.service);
  const ageMs = alert.atMs - candidate.updatedAtMs;
  const time = ageMs < 0 || ageMs >= WINDOW_MS ? 0 : 1 - ageMs / WINDOW_MS;
  const similarity =
    SIMILARITY_WEIGHTS.title * likeness(wordsOf(alert.title ?? ""), wordsOf(candidate.title ?? "")) +
    SIMILARITY_WEIGHTS.service *
      (isSameService ? 1 : likeness(wordsOf(alert.service), services.flatMap(wordsOf)));
  const isComparable = isTruthy(alert.title) && isTruthy(candidate.title);
  return (
    WEIGHTS.topology * (isSameService ? 1 : 0) +
    WEIGHTS.time * time +
    WEIGHTS.similarity * (isComparable ? similarity : 0)
  );
}

function wordsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return words.filter((word) => word.length >= MIN_WORD_LENGTH && !STOP_WORDS.has(word));
}

/** The Jaccard index of the two lists. */
function likeness(words: readonly string[], others: readonly string[]): number {
  const left = new Set(words);
  const right = new Set(others);
  const all = left.union(right).size;
  return all === 0 ? 0 : left.intersection(right).size / all;
}
