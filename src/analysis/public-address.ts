/**
 * Decides whether a runbook's URL may be fetched. Anyone who can edit an incident's custom field chooses the URL, so
 * only http(s) URLs of public hosts are fetched. A private address is recognized in every notation, such as 0x7f.1 for
 * 127.0.0.1, because the URL parser normalizes it.
 */

/** Matches host names that exist only inside a private network. */
const PRIVATE_NAMES = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|localdomain|home\.arpa|svc)$/;

/**
 * The first address and the prefix length of each network outside the public internet. The source is IANA's
 * special-purpose registries.
 */
const PRIVATE_V4: readonly [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // Azure's platform services use this address, which looks public.
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

const v4Number = (address: string) =>
  address.split(".").reduce((number, octet) => number * 256 + Number(octet), 0);

function isPrivateV4(address: string): boolean {
  const number = v4Number(address);
  return PRIVATE_V4.some(([first, prefix]) => {
    const size = 2 ** (32 - prefix);
    return Math.floor(number / size) === Math.floor(v4Number(first) / size);
  });
}

function v6Groups(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  return [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
}

function isPrivateV6(address: string): boolean {
  const groups = v6Groups(address);
  const [first = 0, second = 0] = groups;
  // Only 2000::/3 is global unicast. In this network, the ranges for 6to4, Teredo and documentation are not public.
  if (first < 0x2000 || first > 0x3fff) return true;
  if (first === 0x2002 || (first === 0x2001 && (second < 0x200 || second === 0xdb8))) return true;
  return first === 0x3fff;
}

/** Returns why the URL may not be fetched; null if it may. */
export function refusalOf(url: URL): string | null {
  if (url.protocol !== "http:" && url.protocol !== "https:") return "only http and https are fetched";
  if (url.username || url.password) return "a URL with credentials in it is not fetched";
  const host = url.hostname.toLowerCase().replace(/\.+$/, "");
  if (host.startsWith("[")) {
    return isPrivateV6(host.slice(1, -1)) ? "its address is not public" : null;
  }
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) {
    return isPrivateV4(host) ? "its address is not public" : null;
  }
  if (!host.includes(".") || PRIVATE_NAMES.test(host)) return "its host is not public";
  return null;
}
