/** All that can go wrong, with what was expected and what was found. `code` is one of the names in index.d.ts. */
export class KitError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "KitError";
    this.code = code;
  }
}
