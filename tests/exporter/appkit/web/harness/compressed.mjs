// compressed.mjs FILE…: bytes of each as it is and as a server sends it compressed, at the highest levels; on stdout, as JSON.
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const measure = (content) => ({
  bytes: content.length,
  gzip_bytes: gzipSync(content, { level: 9 }).length,
  brotli_bytes: brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }).length,
});
console.log(JSON.stringify(process.argv.slice(2).map((file) => measure(readFileSync(file)))));
