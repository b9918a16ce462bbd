import { expect, test } from "vitest";
import { fetchRunbook } from "../../src/analysis/runbook.ts";

const at = (path: string) => fetchRunbook(`https://runbooks.example.com${path}`);

test("a runbook's text is fetched, even after three redirects", async () => {
  expect(await at("/plain")).toEqual({
    url: "https://runbooks.example.com/plain",
    content: "# Restart it",
    error: null,
  });
  for (const path of ["/html", "/json", "/moved", "/moved-twice", "/moved-thrice", "/just-fits"]) {
    expect((await at(path)).error, path).toBeNull();
  }
});

test.each([
  ["/image", "It is not text"],
  ["/untyped", "It is not text"],
  ["/missing", "It answered 404"],
  ["/empty", "It is empty"],
  ["/large", "It is larger than 256 KiB"],
  ["/moved-for-ever", "More than 3 redirects"],
  ["/moved-inside", "Redirect refused: its address is not public"],
  ["/moved-to-file", "Redirect refused: only http and https are fetched"],
  ["/moved-nowhere", "It is not a URL"],
])("the runbook at %s is not fetched, and the error says: %s", async (path, error) => {
  expect(await at(path)).toEqual({ url: `https://runbooks.example.com${path}`, content: null, error });
});

test.each(["", "runbook", "javascript:alert(1)", "http://", "//runbooks.example.com/plain", "http://[::1"])(
  "an invalid runbook URL is not fetched: %j",
  async (address) => {
    expect((await fetchRunbook(address)).content).toBeNull();
  },
);
