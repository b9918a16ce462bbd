import { expect, test } from "vitest";
import { refusalOf } from "../../src/analysis/public-address.ts";

test.each([
  "http://localhost/",
  "http://LOCALHOST./",
  "http://localhost../",
  "http://metadata.google.internal..",
  "http://127.0.0.1/",
  "http://127.1/",
  "http://2130706433/",
  "http://0x7f.0.0.1/",
  "http://0177.0.0.1/",
  "http://10.0.0.1/",
  "http://172.31.255.255/",
  "http://192.168.1.1/",
  "http://169.254.169.254/latest/meta-data",
  "http://100.100.100.200/",
  "http://168.63.129.16/machine",
  "http://api.default.svc/",
  "http://0.0.0.0/",
  "http://224.0.0.1/",
  "http://255.255.255.255/",
  "http://[::1]/",
  "http://[::]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:a9fe:a9fe]/",
  "http://[64:ff9b::7f00:1]/",
  "http://[fd00::1]/",
  "http://[fe80::1]/",
  "http://[2002:7f00:1::]/",
  "http://[2001:db8::1]/",
  "http://metadata.google.internal/",
  "http://printer.local/",
  "http://intranet/",
  "http://１２７.0.0.1/",
  "https://user:pass@example.com/",
  "ftp://example.com/",
  "file:///etc/passwd",
  "data:text/plain,hello",
])("the runbook URL %s is refused", (address) => {
  expect(refusalOf(new URL(address))).not.toBeNull();
});

test.each([
  "https://example.com/runbook.md",
  "http://example.com:8080/",
  "https://8.8.8.8/",
  "https://172.32.0.1/",
  "https://[2606:4700::1111]/",
  "https://localhost.example.com/",
])("the runbook URL %s is allowed", (address) => {
  expect(refusalOf(new URL(address))).toBeNull();
});
