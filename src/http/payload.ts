/** A body as it is shown: as JSON where it is JSON, else as the text that it is. */
export function parsedPayload(payload: string | null): unknown {
  if (payload === null) return null;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}
