const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

const LOCAL = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});

/** Replaces the ISO times in a text by times in this machine's time zone: `26 Nov 2026, 15:11:49 UTC`. Pure. */
export function withLocalTimes(text: string): string {
  return text.replace(ISO, (time) => {
    const date = new Date(time);
    return Number.isNaN(date.getTime()) ? time : LOCAL.format(date);
  });
}
