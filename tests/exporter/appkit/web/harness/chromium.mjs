// chromium.mjs KIT BROWSER PROFILE: opens a web kit (its node_modules installed) in headless Chromium.
//
// On stdout, as JSON: `replay`, what test/replay.js finds there; `shown`, for each golden text what the page shows after it
// was typed; `violations`, what the page's Content-Security-Policy forbade; `bytes`, sent for each path. No host but this
// one can be reached from the browser. PROFILE is the caller's to remove: the browser's helpers write into it for a while
// after the browser itself has ended.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";

const [kit, browser, profile] = process.argv.slice(2);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"];
const bytes = {};

function serve(request, response, finish) {
  const path = decodeURIComponent(new URL(request.url, "http://kit").pathname);
  if (request.method === "POST") return receive(request, response, finish);
  const file = path === "/harness.html" ? new URL("harness.html", import.meta.url) : join(kit, path === "/" ? "index.html" : path);
  try {
    const content = readFileSync(file);
    bytes[path] = content.length;
    response.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" }).end(content);
  } catch {
    response.writeHead(404).end();
  }
  return undefined;
}

function receive(request, response, finish) {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    response.end();
    finish(JSON.parse(Buffer.concat(parts)));
  });
}

let finish;
const finished = new Promise((resolve) => (finish = resolve));
const server = createServer((request, response) => serve(request, response, finish)).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const address = `http://127.0.0.1:${server.address().port}/harness.html`;
const rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";
const child = spawn(browser, [...FLAGS, rules, `--user-data-dir=${profile}`, address], { stdio: ["ignore", "ignore", "pipe"] });
let said = "";
child.stderr.on("data", (part) => (said += part));
const ended = new Promise((resolve) => child.once("exit", () => resolve(undefined)));
const found = await Promise.race([finished, ended]);
child.kill();
await ended;
server.closeAllConnections();
server.close();
if (!found) throw new Error(`${browser} ended before it had an answer: ${said.slice(-2000)}`);
console.log(JSON.stringify({ ...found, bytes }));
