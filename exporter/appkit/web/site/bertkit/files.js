import { KitError } from "./errors.js";

/** `model/` beside `bertkit/`. Put together from strings: of `new URL("../model/", …)` bundlers look for a file. */
const FOLDER = import.meta.url.replace(/[^/]*\/[^/]*$/, "model/");

/** The kit's files in the folder that `Options` of index.d.ts name, and from its cache. */
export class KitFiles {
  #base;
  #fetch;
  #cache;
  #signal;
  #onProgress;

  constructor({ folder = FOLDER, fetch = fetchOrRead, cache, signal, onProgress } = {}) {
    this.#base = new URL(`${folder}`.replace(/\/?$/, "/"), globalThis.location?.href);
    this.#fetch = fetch;
    this.#cache = cache;
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  /** The bytes of a file; with a `version`, from the cache where it holds that one, and kept there. */
  async read(name, version) {
    const url = new URL(name, this.#base);
    const key = this.#cache && version ? `${url}?version=${version}` : undefined;
    const kept = key && (await this.#cache.match(key));
    const content = await this.#content(name, url, kept ?? (await this.#get(url)));
    if (key && !kept) await this.#keep(url, key, content);
    return content;
  }

  async #get(url) {
    let found;
    try {
      found = await this.#fetch(url, { signal: this.#signal });
    } catch (error) {
      throw this.#failed(url, error);
    }
    if (!found.ok) throw new KitError("missingFile", `${url}: expected a file of the kit, found status ${found.status}`);
    return found;
  }

  async #content(name, url, response) {
    const total = response.headers.get("content-encoding") ? null : Number(response.headers.get("content-length")) || null;
    const parts = [];
    let loaded = 0;
    try {
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        loaded += value.length;
        this.#onProgress?.({ file: name, loaded, total });
      }
    } catch (error) {
      throw this.#failed(url, error);
    }
    return joined(parts, loaded);
  }

  #failed(url, error) {
    if (this.#signal?.aborted) return this.#signal.reason;
    return new KitError("missingFile", `${url}: expected a file of the kit; ${error.message}`);
  }

  /** Other versions of the file go. A cache that is full, or takes no such address, is no reason to fail. */
  async #keep(url, key, content) {
    try {
      await this.#cache.put(key, new Response(content));
      const others = (await this.#cache.keys()).filter((one) => one.url !== key && one.url.startsWith(`${url}?version=`));
      await Promise.all(others.map((one) => this.#cache.delete(one)));
    } catch {
      return;
    }
  }
}

function joined(parts, length) {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** `fetch`; of a file in Node, which `fetch` there does not read, its content. */
async function fetchOrRead(url, options) {
  const files = url.protocol === "file:" && globalThis.process?.getBuiltinModule?.("node:fs/promises");
  return files ? new Response(await files.readFile(url, options)) : globalThis.fetch(url, options);
}
