/** The parts of the address: the section, the id of the open row, and the filters of the section's list. */

/** @typedef {{section: string, id: string | null, filters: URLSearchParams}} Place */

/** @param {string} text from the address, which may be malformed */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** An address that names no section means the incidents. @param {string} hash @returns {Place} */
function placeOf(hash) {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const [, named, part] = path.split("/");
  const id = part ? decoded(part) : null;
  // "." and ".." are not ids: in the path of an API call they would name another folder.
  return {
    section: named || "incidents",
    id: id === "." || id === ".." ? null : id,
    filters: new URLSearchParams(query),
  };
}

export const place = () => placeOf(location.hash);

/** @param {Place} to */
function hashOf({ section, id, filters }) {
  const query = String(filters);
  return `#/${section}${id === null ? "" : `/${encodeURIComponent(id)}`}${query === "" ? "" : `?${query}`}`;
}

/**
 * Puts filters into the address. A choice uses `push`, so the Back button undoes the choice. Typed text uses `replace`,
 * so the Back button skips the text.
 * @param {Record<string, string>} values empty values are left out
 * @param {"push" | "replace"} how
 */
export function setFilters(values, how) {
  const filters = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ""));
  const hash = hashOf({ ...place(), filters });
  if (hash === location.hash) return;
  if (how === "push") history.pushState(null, "", hash);
  else history.replaceState(null, "", hash);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/**
 * Adds the present filters to links within a section. Tabs get no filters, because a tab shows the section's whole
 * list.
 */
export function keepFilters() {
  document.addEventListener(
    "click",
    ({ target }) => {
      const link = target instanceof Element ? target.closest("main a") : null;
      if (!(link instanceof HTMLAnchorElement) || !link.hash.startsWith("#/") || link.hash.includes("?"))
        return;
      const now = place();
      const to = placeOf(link.hash);
      if (to.section === now.section && now.filters.size > 0) {
        link.setAttribute("href", hashOf({ ...to, filters: now.filters }));
      }
    },
    { capture: true },
  );
}
